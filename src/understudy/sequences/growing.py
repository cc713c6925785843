"""Sequences in memory, to which episodes are added as they are played.

GrowingSplit(task)       -- what a mapped file of a split is, in memory
growing(interface, sha)  -- no sequences yet, and what to add them to

N steps and E rows so far; a row is what one agent did in an episode.
"""

from collections.abc import Iterable

import numpy as np

from understudy.episode import Episode
from understudy.interface import Interface, Task
from understudy.sequences.columns import Column, step_columns
from understudy.sequences.returns import returns_to_go
from understudy.sequences.store import Sequences

FIRST_ROOM = 4096  # steps


class GrowingSplit:
    """Columns of steps and episodes that are raw, as in a split's file.

    Args:
        task: whose episodes they are.

    Attributes:
        offsets: (E + 1,) int64, the first step of each row.
        episodes: (E, ...) by name, the columns of the episodes.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.kinds = task, step_columns(task)
        self.offsets = np.zeros(1, np.int64)
        self.episodes: dict[str, np.ndarray] = {
            "episode": np.zeros(0, np.int32),
            "seed": np.zeros(0, np.int64),
            "terminated": np.zeros(0, bool),
            "truncated": np.zeros(0, bool),
            "final_observation": np.zeros((0, task.state_dim), np.float32),
        }
        self._room = {name: _empty(column, FIRST_ROOM) for name, column in self.kinds.items()}

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """(N, numbers) by name, the columns of the steps as views."""
        return {name: room[: self.offsets[-1]] for name, room in self._room.items()}

    def append(self, episodes: Iterable[Episode]) -> None:
        """Add episodes after those that are there; an episode's agents are neighbours, in their order."""
        first = len(self.offsets[1:]) // self.task.num_agents
        for number, episode in enumerate(episodes, first):
            for agent in range(self.task.num_agents):
                self._append_row(number, episode, agent if self.task.num_agents > 1 else None)

    def read(self, name: str, first: np.ndarray, length: np.ndarray, chunk_length: int) -> np.ndarray:
        """B chunks of a column (B, T, numbers): steps first:first + length of each, then its last step up to T = chunk_length."""
        steps = first[:, None] + np.minimum(np.arange(chunk_length), length[:, None] - 1)  # (B, T)
        return self._room[name][steps]

    def _append_row(self, number: int, episode: Episode, agent: int | None) -> None:
        """Add what one agent did, or the only one."""
        own = slice(None) if agent is None else (slice(None), agent)
        final = episode.final_observation if agent is None else episode.final_observation[agent]
        rewards = episode.rewards[own]
        self._write(
            observation=self.task.select_visible(episode.observations[own]),
            action=episode.actions[own],
            label=episode.demonstrated_actions[own],
            reward=rewards,
            return_to_go=returns_to_go(rewards, np.asarray([0, len(rewards)])),
        )
        added = {
            "episode": number,
            "seed": episode.seed,
            "terminated": episode.terminated,
            "truncated": episode.truncated,
            "final_observation": self.task.select_visible(final),
        }
        for name, value in added.items():
            self.episodes[name] = np.concatenate([self.episodes[name], np.asarray([value], self.episodes[name].dtype)])

    def _write(self, **steps: np.ndarray) -> None:
        begin, count = int(self.offsets[-1]), len(steps["reward"])
        for name, values in steps.items():
            if begin + count > len(self._room[name]):
                more = _empty(self.kinds[name], max(len(self._room[name]), count))
                self._room[name] = np.concatenate([self._room[name], more])
            self._room[name][begin : begin + count] = values.reshape(count, -1)
        self.offsets = np.append(self.offsets, begin + count)


def growing(interface: Interface, sha256: str) -> tuple[Sequences, GrowingSplit]:
    """Sequences of no episode yet, and where they are added; `sha256` is that of the store whose interface it is."""
    split = GrowingSplit(interface.task)
    return Sequences(interface, split, sha256), split


def _empty(column: Column, steps: int) -> np.ndarray:
    return np.zeros((steps, column.numbers), column.dtype)
