"""Recordings for other libraries.

export(recording, target, kind) -- minari, npz in D4RL's layout, or d3rlpy; returns the number of episodes
"""

from pathlib import Path

import numpy as np

from understudy.episode import Episode
from understudy.errors import DataError, ParameterError
from understudy.rollouts.parquet import RecordingReader
from understudy.sources.d3rlpy import write_d3rlpy
from understudy.sources.minari import write_minari
from understudy.utils.atomic import replace_file

KINDS = ("minari", "npz", "d3rlpy")


def export(recording: RecordingReader, target: str, kind: str) -> int:
    """Write a recording's episodes, what was executed, in another library's format.

    Args:
        recording: of one agent.
        target: a file that does not exist yet; of Minari a dataset's id.
        kind: one of KINDS.

    Raises:
        DataError: the recording is damaged, or of several agents.
        ParameterError: the target exists, or a library is not installed.
    """
    spec = recording.spec
    if spec.num_agents > 1:
        raise DataError(f"{recording.folder}: expected a recording of one agent, got one of {spec.num_agents}")
    if kind == "minari":
        return write_minari(target, recording.as_episodes(), spec)
    path = Path(target)
    if path.exists():
        raise ParameterError(f"--to: expected a file that does not exist yet, got {target}")
    with replace_file(path) as unfinished:
        if kind == "d3rlpy":
            return write_d3rlpy(unfinished, recording.as_episodes(), spec)
        return _write_npz(unfinished, list(recording.as_episodes()))


def _write_npz(path: Path, episodes: list[Episode]) -> int:
    """The arrays of sources/flat.py; an episode whose two flags are both set keeps both."""
    last = np.cumsum([episode.length for episode in episodes]) - 1
    terminals, timeouts = np.zeros((2, last[-1] + 1), dtype=bool)
    terminals[last] = [episode.terminated for episode in episodes]
    timeouts[last] = [episode.truncated for episode in episodes]
    following = [np.concatenate([each.observations[1:], each.final_observation[None]]) for each in episodes]
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            observations=np.concatenate([episode.observations for episode in episodes]),
            actions=np.concatenate([episode.actions for episode in episodes]),
            rewards=np.concatenate([episode.rewards for episode in episodes]),
            terminals=terminals,
            timeouts=timeouts,
            next_observations=np.concatenate(following),
            seeds=np.asarray([episode.seed for episode in episodes]),
        )
    return len(episodes)
