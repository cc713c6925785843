"""Building sequences from a recording, in the memory of a piece of it.

write_sequences(folder, recording, view, splits)
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from understudy.environments.view import ObservationView
from understudy.rollouts.parquet import Recording, RecordingReader
from understudy.sequences.normalise import ScaleSums
from understudy.sequences.returns import returns_to_go
from understudy.sequences.split_file import SplitWriter, action_entries
from understudy.sequences.store import FORMAT_VERSION, SPLITS
from understudy.utils.jsonfile import sha256, write_json


def write_sequences(
    folder: Path, recording: RecordingReader, view: ObservationView, splits: dict[str, np.ndarray]
) -> None:
    """Write what each agent did in each episode as a sequence to an existing folder: a file a split, and store.json.

    An episode's agents are neighbours, in their order, and in the same split.

    `splits` holds the numbers of the episodes of "train" and "validation"; scales come from "train" alone.

    Raises:
        DataError: the recording breaks a promise; the folder is then half written.
    """
    members = {split: np.isin(recording.episodes["episode"], splits[split]) for split in SPLITS}
    writers = {split: _writer(folder / f"{split}.arrow", recording, view, members[split]) for split in SPLITS}
    sums = ScaleSums(len(view.visible))
    for piece in map(_agent_by_agent, recording.pieces()):
        steps = _columns(piece, view)
        for split in SPLITS:
            in_split = np.repeat(members[split][piece.episodes["episode"]], np.diff(piece.offsets))
            part = {name: values[in_split] for name, values in steps.items()}
            writers[split].write(**part)
            if split == "train":
                states = part["state_action"][:, : len(view.visible)]
                sums.add(states, part["return_to_go"], piece.steps["step"][in_split] == 0)
    content = {
        "format_version": FORMAT_VERSION,
        "environment": recording.spec.to_json(),
        "hidden_components": list(view.hidden),
        "normalisation": asdict(sums.normalisation()),
        "files": {f"{split}.arrow": sha256(folder / f"{split}.arrow") for split in SPLITS},
        "recording": {name: sha256(recording.folder / name) for name in ("steps.parquet", "episodes.parquet")},
    }
    write_json(folder / "store.json", content)


def _writer(path: Path, recording: RecordingReader, view: ObservationView, members: np.ndarray) -> SplitWriter:
    names, agents = ("episode", "seed", "truncated", "length"), recording.spec.num_agents
    sequences = {name: np.repeat(recording.episodes[name][members], agents) for name in names}
    return SplitWriter(path, recording.spec, len(view.visible), sequences)


def _agent_by_agent(piece: Recording) -> Recording:
    """The same steps, but all of an episode's first agent, then all of its second, ..."""
    if piece.spec.num_agents == 1:
        return piece
    order = np.lexsort((piece.steps["step"], piece.steps["agent"], piece.steps["episode"]))
    return replace(piece, steps={name: values[order] for name, values in piece.steps.items()})


def _columns(piece: Recording, view: ObservationView) -> dict[str, np.ndarray]:
    """What is written of each step, by the names that it has in the file."""
    lengths = np.repeat(piece.episodes["length"], piece.spec.num_agents)
    sequence_offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    actions = piece.steps["action"].reshape(-1, action_entries(piece.spec)).astype(np.float32)
    return {
        "state_action": np.concatenate([view.apply(piece.steps["observation"]), actions], axis=1),
        "label": piece.steps["demonstrated_action"],
        "return_to_go": returns_to_go(piece.steps["reward"], sequence_offsets),
    }
