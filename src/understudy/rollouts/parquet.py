"""Recordings on disk: writing them to the byte the same, reading them with every promise of the schema checked.

Recording                        -- the columns in memory
write_recording(folder, ...)     -- steps.parquet and episodes.parquet
read_recording(folder)           -- Recording, or a DataError that names file, column and row
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.episode import Episode
from understudy.errors import DataError
from understudy.rollouts.check import check_recording
from understudy.rollouts.schema import METADATA_KEY, SCHEMA_VERSION, episodes_schema, metadata, steps_schema
from understudy.spec import EnvironmentSpec


@dataclass(frozen=True)
class Recording:
    """E episodes with N steps in all; S observation components, A action dimensions.

    `steps` holds the columns of steps.parquet as arrays: observation (N, S), action (N,) or (N, A), the others (N,).
    `episodes` those of episodes.parquet: final_observation (E, S), the others (E,). `offsets` (E + 1,) int64: the steps of
    episode e are offsets[e]:offsets[e + 1].
    """

    spec: EnvironmentSpec
    demonstrator: str
    steps: dict[str, np.ndarray]
    episodes: dict[str, np.ndarray]

    @property
    def offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.episodes["length"], dtype=np.int64)])

    def as_episodes(self) -> list[Episode]:
        """The episodes one by one, as they were written."""
        steps, episodes, offsets = self.steps, self.episodes, self.offsets
        return [
            Episode(
                seed=int(episodes["seed"][index]),
                observations=steps["observation"][first:end],
                actions=steps["action"][first:end],
                demonstrated_actions=steps["demonstrated_action"][first:end],
                rewards=steps["reward"][first:end],
                options=steps["option"][first:end],
                final_observation=episodes["final_observation"][index],
                terminated=bool(episodes["terminated"][index]),
                truncated=bool(episodes["truncated"][index]),
            )
            for index, (first, end) in enumerate(itertools.pairwise(offsets))
        ]


def write_recording(folder: Path, spec: EnvironmentSpec, demonstrator: str, episodes: Sequence[Episode]) -> None:
    """Write `episodes`, numbered 0, 1, ... in the given order, to an existing folder."""
    lengths = [episode.length for episode in episodes]
    steps = {
        "episode": np.repeat(np.arange(len(episodes)), lengths),
        "step": np.concatenate([np.arange(length) for length in lengths]),
        "agent": np.zeros(sum(lengths)),
        "observation": np.concatenate([episode.observations for episode in episodes]),
        "action": np.concatenate([episode.actions for episode in episodes]),
        "demonstrated_action": np.concatenate([episode.demonstrated_actions for episode in episodes]),
        "reward": np.concatenate([episode.rewards for episode in episodes]),
        "option": np.concatenate([episode.options for episode in episodes]),
    }
    table = {
        "episode": np.arange(len(episodes)),
        "seed": np.asarray([episode.seed for episode in episodes]),
        "length": np.asarray(lengths),
        "return": np.asarray([episode.total_return for episode in episodes]),
        "terminated": np.asarray([episode.terminated for episode in episodes]),
        "truncated": np.asarray([episode.truncated for episode in episodes]),
        "final_observation": np.stack([episode.final_observation for episode in episodes]),
    }
    about = metadata(spec, demonstrator)
    _write(folder / "steps.parquet", steps, steps_schema(spec).with_metadata(about))
    _write(folder / "episodes.parquet", table, episodes_schema(spec).with_metadata(about))


def read_recording(folder: Path) -> Recording:
    """Read and check a recording.

    Raises:
        DataError: a file is missing, truncated, of another schema, or breaks a promise of the schema; the message names
            file, column and row.
    """
    steps_file, episodes_file = folder / "steps.parquet", folder / "episodes.parquet"
    steps, episodes = _read(steps_file), _read(episodes_file)
    spec, demonstrator = _parse_metadata(steps_file, steps.schema)
    if _parse_metadata(episodes_file, episodes.schema) != (spec, demonstrator):
        raise DataError(f"{episodes_file}: expected the metadata of steps.parquet beside it, got another recording's")
    _check_schema(steps_file, steps.schema, steps_schema(spec))
    _check_schema(episodes_file, episodes.schema, episodes_schema(spec))
    recording = Recording(spec, demonstrator, _columns(steps_file, steps), _columns(episodes_file, episodes))
    check_recording(steps_file, episodes_file, spec, recording.steps, recording.episodes)
    return recording


def _write(path: Path, columns: dict[str, np.ndarray], schema: pa.Schema) -> None:
    arrays = [_to_arrow(columns[field.name], field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd", write_page_checksum=True)


def _to_arrow(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values.astype(kind.to_pandas_dtype()))
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def _read(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None, use_threads=False, page_checksum_verification=True)
        table.schema.names  # noqa: B018 -- decodes them: a damaged name is a damaged file
        return table
    except FileNotFoundError:
        raise DataError(f"{path}: expected a recording, found no such file") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a whole Parquet file, got one that cannot be read: {reason}") from None


def _parse_metadata(path: Path, schema: pa.Schema) -> tuple[EnvironmentSpec, str]:
    content = (schema.metadata or {}).get(METADATA_KEY)
    if content is None:
        raise DataError(f"{path}: expected a recording's metadata under {METADATA_KEY.decode()!r}, got none")
    try:
        about = json.loads(content)
        if about["schema_version"] != SCHEMA_VERSION:
            raise DataError(f"{path}: expected schema version {SCHEMA_VERSION}, got {about['schema_version']}")
        return EnvironmentSpec.from_json(about["environment"]), about["demonstrator"]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path}: expected metadata of schema version {SCHEMA_VERSION}, got it malformed: {error}"
        ) from None


def _check_schema(path: Path, got: pa.Schema, expected: pa.Schema) -> None:
    if got.names != expected.names:
        raise DataError(f"{path}: expected the columns {', '.join(expected.names)}, got {', '.join(got.names)}")
    for field in expected:
        kind = got.field(field.name).type
        # Parquet readers may name the list's item otherwise; its type and size are what counts.
        if str(kind).replace("item", "element") != str(field.type).replace("item", "element"):
            raise DataError(f"{path}: column {field.name}: expected type {field.type}, got {kind}")


def _columns(path: Path, table: pa.Table) -> dict[str, np.ndarray]:
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise DataError(f"{path}: column {name}, row {row}: expected a value, got null")
        if pa.types.is_fixed_size_list(column.type):
            values = column.flatten()
            if values.null_count:
                raise DataError(f"{path}: column {name}: expected {column.type.list_size} values in each row, got null")
            columns[name] = values.to_numpy().reshape(-1, column.type.list_size)
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
    return columns
