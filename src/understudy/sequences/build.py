"""Building sequences from a recording.

write_sequences(folder, source, recording, view, splits)
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.environments.view import ObservationView
from understudy.rollouts.parquet import Recording
from understudy.sequences.normalise import Normalisation
from understudy.sequences.returns import returns_to_go
from understudy.sequences.store import FORMAT_VERSION, SPLITS, action_entries, split_schema, write_arrow
from understudy.utils.jsonfile import sha256, write_json


def write_sequences(
    folder: Path, source: Path, recording: Recording, view: ObservationView, splits: dict[str, np.ndarray]
) -> None:
    """Write a recording's episodes as sequences to an existing folder: a file a split, and store.json.

    `splits` holds the numbers of the episodes of "train" and "validation"; scales come from "train" alone. `source` is the
    folder that the recording was read from.
    """
    to_go = returns_to_go(recording.steps["reward"], recording.offsets)
    visible = view.apply(recording.steps["observation"])
    for split in SPLITS:
        _write_split(folder / f"{split}.arrow", recording, visible, to_go, splits[split])
    training = _steps_of(recording, splits["train"])
    content = {
        "format_version": FORMAT_VERSION,
        "environment": recording.spec.to_json(),
        "hidden_components": list(view.hidden),
        "normalisation": asdict(
            Normalisation.of(visible[training], to_go[training], recording.steps["step"][training] == 0)
        ),
        "files": {f"{split}.arrow": sha256(folder / f"{split}.arrow") for split in SPLITS},
        "recording": {name: sha256(source / name) for name in ("steps.parquet", "episodes.parquet")},
    }
    write_json(folder / "store.json", content)


def _steps_of(recording: Recording, episodes: np.ndarray) -> np.ndarray:
    """Boolean (N,), true at the steps of these episodes."""
    return np.isin(recording.steps["episode"], episodes)


def _write_split(
    path: Path, recording: Recording, visible: np.ndarray, to_go: np.ndarray, episodes: np.ndarray
) -> None:
    steps = _steps_of(recording, episodes)
    entries = action_entries(recording.spec)
    schema = split_schema(recording.spec, visible.shape[1])
    offsets = np.concatenate([[0], np.cumsum(recording.episodes["length"][episodes], dtype=np.int64)])

    def per_step(name: str, values: np.ndarray) -> pa.Array:
        inner = schema.field(name).type.value_type
        items = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        if pa.types.is_fixed_size_list(inner):
            items = pa.FixedSizeListArray.from_arrays(items, type=inner)
        return pa.LargeListArray.from_arrays(pa.array(offsets), items, type=schema.field(name).type)

    actions = recording.steps["action"].reshape(-1, entries)[steps].astype(np.float32)
    arrays = [
        pa.array(episodes.astype(np.int32)),
        pa.array(recording.episodes["seed"][episodes]),
        pa.array(recording.episodes["truncated"][episodes]),
        per_step("sequence", np.concatenate([visible[steps], actions], axis=1)),
        per_step("label", recording.steps["demonstrated_action"][steps]),
        per_step("return_to_go", to_go[steps]),
    ]
    write_arrow(path, schema, arrays)
