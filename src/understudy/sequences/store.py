"""Sequences on disk: one flat, memory-mapped Arrow file a split.

open_sequences(folder, split) -> Sequences

A row of train.arrow is an episode. Its column `sequence` is a list of steps, each a fixed-size list s_t a_t: read from end to
end, the column's buffer is s_0 a_0 s_1 a_1 ... of all episodes, and Arrow's own list offsets say where each begins. Opening
maps the file and copies nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.environments.view import ObservationView
from understudy.errors import DataError
from understudy.sequences.normalise import Normalisation
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import read_json, sha256

FORMAT_VERSION = 1
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Sequences:
    """One split: E episodes of N steps in all, as views of a mapped file; S visible state components, A action entries.

    states (N, S) float32, unnormalised; actions (N,) or (N, A) float32, executed; labels, like actions, demonstrated;
    returns_to_go (N,) float32, raw; offsets (E + 1,) int64; truncated (E,) bool; seeds (E,) int64.
    options (N,) int16 below num_options and terminations (N,) bool, where they have been found, else None.
    `sha256` is that of store.json, which holds the hashes of everything the sequences are made of.
    """

    spec: EnvironmentSpec
    view: ObservationView
    normalisation: Normalisation
    states: np.ndarray
    actions: np.ndarray
    labels: np.ndarray
    returns_to_go: np.ndarray
    offsets: np.ndarray
    truncated: np.ndarray
    seeds: np.ndarray
    sha256: str
    options: np.ndarray | None = None
    terminations: np.ndarray | None = None
    num_options: int | None = None

    @property
    def num_episodes(self) -> int:
        return len(self.offsets) - 1

    @property
    def num_steps(self) -> int:
        return int(self.offsets[-1])


def open_sequences(folder: Path, split: str) -> Sequences:
    """Map one split; takes the same time and memory for any number of steps.

    Raises:
        DataError: a file is missing, truncated, of another format, or holds another layout than store.json says.
    """
    description, path = folder / "store.json", folder / f"{split}.arrow"
    content = read_json(description)
    if content.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{description}: expected format_version {FORMAT_VERSION}, got {content.get('format_version')!r}"
        )
    try:
        spec = EnvironmentSpec.from_json(content["environment"])
        view = ObservationView(spec.components, tuple(content["hidden_components"]))
        normalisation = Normalisation.from_json(content["normalisation"], len(view.visible))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{description}: expected a description of sequences, got a malformed one: {error!r}") from None
    batch = map_arrow(path, split_schema(spec, len(view.visible)))
    columns = {name: batch.column(name) for name in batch.schema.names}
    offsets = columns["sequence"].offsets.to_numpy()
    for name in ("label", "return_to_go"):
        if not np.array_equal(columns[name].offsets.to_numpy(), offsets):
            raise DataError(f"{path}: column {name}: expected as many values as steps in each episode, got others")
    steps = _flat(columns["sequence"].values).reshape(-1, len(view.visible) + action_entries(spec))
    actions = steps[:, len(view.visible) :]
    labels = _flat(columns["label"].values).reshape(actions.shape)
    return Sequences(
        spec=spec,
        view=view,
        normalisation=normalisation,
        states=steps[:, : len(view.visible)],
        actions=_per_step(actions, spec),
        labels=_per_step(labels, spec),
        returns_to_go=_flat(columns["return_to_go"].values),
        offsets=offsets,
        truncated=columns["truncated"].to_numpy(zero_copy_only=False),
        seeds=columns["seed"].to_numpy(),
        sha256=sha256(description),
    )


def map_arrow(path: Path, schema: pa.Schema) -> pa.RecordBatch:
    """Map an Arrow file that holds one record batch of `schema`.

    Raises:
        DataError: the file is missing, truncated, or holds something else.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.schema != schema or reader.num_record_batches != 1:
            raise DataError(
                f"{path}: expected one batch of the columns {', '.join(schema.names)} as written by this version,"
                f" got {reader.num_record_batches} of {', '.join(reader.schema.names)}"
            )
        return reader.get_batch(0)
    except FileNotFoundError:
        raise DataError(f"{path}: expected sequences, found no such file") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected a whole Arrow file, got one that cannot be read: {error}") from None


def write_arrow(path: Path, schema: pa.Schema, arrays: list[pa.Array]) -> None:
    """Write one record batch as an Arrow file that can be mapped."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def action_entries(spec: EnvironmentSpec) -> int:
    """Numbers that an action takes in a sequence: one for a choice."""
    return 1 if spec.discrete_actions else spec.action_dim


def _per_step(actions: np.ndarray, spec: EnvironmentSpec) -> np.ndarray:
    return actions[:, 0] if spec.discrete_actions else actions


def split_schema(spec: EnvironmentSpec, state_dim: int) -> pa.Schema:
    """Columns of train.arrow and validation.arrow."""
    entries = action_entries(spec)
    fields = {
        "episode": pa.int32(),
        "seed": pa.int64(),
        "truncated": pa.bool_(),
        "sequence": pa.large_list(pa.list_(pa.float32(), state_dim + entries)),
        "label": pa.large_list(pa.list_(pa.float32(), entries)),
        "return_to_go": pa.large_list(pa.float32()),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields.items()])


def _flat(array: pa.Array) -> np.ndarray:
    """The float32 values below any nesting of lists, as a view."""
    while pa.types.is_fixed_size_list(array.type):
        array = array.values
    return array.to_numpy()
