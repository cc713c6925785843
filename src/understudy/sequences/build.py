"""Building sequences from a recording, in the memory of a piece of it.

write_sequences(folder, recording, hidden_components, splits)
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.interface import Interface, Task, raw_interface
from understudy.rollouts.parquet import Recording, RecordingReader
from understudy.sequences.normalise import ScaleSums
from understudy.sequences.returns import returns_to_go
from understudy.sequences.split_file import SplitWriter
from understudy.sequences.store import FORMAT_VERSION, SPLITS
from understudy.utils.jsonfile import sha256, write_json

RETURN_QUANTILES = 101


def write_sequences(
    folder: Path, recording: RecordingReader, hidden_components: tuple[str, ...], splits: dict[str, np.ndarray]
) -> None:
    """Write what each agent did in each episode as a sequence to an existing folder: a file a split, and store.json.

    An episode's agents are neighbours, in their order, and in the same split.

    Args:
        folder: an existing one.
        recording: of the demonstrator.
        hidden_components: what students do not see of an observation.
        splits: the numbers of the episodes of "train" and "validation"; scales come from "train" alone.

    Raises:
        ParameterError: a hidden component does not exist, or all of them are hidden.
        DataError: the recording breaks a promise; the folder is then half written.
    """
    task = raw_interface(recording.spec, hidden_components).task  # before anything is known of its scales
    members = {split: np.isin(recording.episodes["episode"], splits[split]) for split in SPLITS}
    writers = {split: _writer(folder / f"{split}.arrow", recording, task, members[split]) for split in SPLITS}
    sums, returns = ScaleSums(task.state_dim), [np.zeros(0)]
    for piece in map(_agent_by_agent, recording.pieces()):
        steps = _columns(piece, task)
        for split in SPLITS:
            in_split = np.repeat(members[split][piece.episodes["episode"]], np.diff(piece.offsets))
            part = {name: values[in_split] for name, values in steps.items()}
            writers[split].write(**part)
            if split == "train":
                starts = piece.steps["step"][in_split] == 0
                sums.add(part["observation"], part["return_to_go"], starts)
                returns.append(part["return_to_go"][starts])
    quantiles = np.quantile(np.concatenate(returns), np.linspace(0, 1, RETURN_QUANTILES))
    scaled = replace(task, scales=sums.scales(recording.spec), return_quantiles=tuple(quantiles.tolist()))
    content = {
        "format_version": FORMAT_VERSION,
        "interface": Interface((scaled,)).to_json(),
        "files": {f"{split}.arrow": sha256(folder / f"{split}.arrow") for split in SPLITS},
        "recording": {name: sha256(recording.folder / name) for name in ("steps.parquet", "episodes.parquet")},
    }
    write_json(folder / "store.json", content)


def _writer(path: Path, recording: RecordingReader, task: Task, members: np.ndarray) -> SplitWriter:
    episodes, agents = recording.episodes, recording.spec.num_agents
    names = ("episode", "seed", "terminated", "truncated", "length")
    sequences = {name: np.repeat(episodes[name][members], agents) for name in names}
    finals = episodes["final_observation"][members].reshape(-1, recording.spec.state_dim)
    return SplitWriter(path, task, sequences | {"final_observation": task.select_visible(finals)})


def _agent_by_agent(piece: Recording) -> Recording:
    """The same steps, but all of an episode's first agent, then all of its second, ..."""
    if piece.spec.num_agents == 1:
        return piece
    order = np.lexsort((piece.steps["step"], piece.steps["agent"], piece.steps["episode"]))
    return replace(piece, steps={name: values[order] for name, values in piece.steps.items()})


def _columns(piece: Recording, task: Task) -> dict[str, np.ndarray]:
    """What is written of each step, by the names that it has in the file."""
    lengths = np.repeat(piece.episodes["length"], piece.spec.num_agents)
    sequence_offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return {
        "observation": task.select_visible(piece.steps["observation"]),
        "action": piece.steps["action"],
        "label": piece.steps["demonstrated_action"],
        "reward": piece.steps["reward"],
        "return_to_go": returns_to_go(piece.steps["reward"], sequence_offsets),
    }
