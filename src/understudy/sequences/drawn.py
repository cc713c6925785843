"""A few of a store's episodes, as if there were no others.

draw_demonstrations(store, count, seed, where) -- so many of each task, drawn by a seed
with_interface(store, interface)               -- a store of which models are told something else
"""

from dataclasses import replace

import numpy as np

from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.normalise import ScaleSums
from understudy.sequences.store import Sequences, Steps


class DrawnSplit:
    """Some rows of a split.

    Args:
        steps: of all rows.
        rows: (E,) int64, numbers of those that there are, ascending.

    Attributes:
        offsets: (E + 1,) int64, the first step of each row.
        episodes: (E, ...) by name.
        chosen: (N,) int64, which of all steps each step is.
    """

    def __init__(self, steps: Steps, rows: np.ndarray) -> None:
        lengths = np.diff(steps.offsets)[rows]
        self.offsets = np.concatenate([[0], np.cumsum(lengths)])
        self.episodes = {name: values[rows] for name, values in steps.episodes.items()}
        self.chosen = np.arange(self.offsets[-1]) + np.repeat(steps.offsets[rows] - self.offsets[:-1], lengths)
        self._steps = steps

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """(N, numbers) by name, as copies."""
        return {name: values[self.chosen] for name, values in self._steps.columns.items()}

    def read(self, name: str, first: np.ndarray, length: np.ndarray, chunk_length: int) -> np.ndarray:
        """B chunks of a column (B, T, numbers), each of one row, from its first step on, padded by its last."""
        return self._steps.read(name, self.chosen[first], length, chunk_length)


def draw_demonstrations(
    store: Sequences | SequenceMixture, count: int, seed: int, where: str
) -> Sequences | SequenceMixture:
    """So many episodes, of several tasks of each; of one seed fewer ones are among more.

    Scales and quantiles of returns are those of the drawn episodes, as if no others had been recorded.

    Args:
        store: of training episodes.
        count: from 1.
        seed: of the draw.
        where: what messages begin with, such as "policies.decoder".

    Raises:
        ParameterError: there are not so many.
    """
    if isinstance(store, SequenceMixture):
        return replace(store, parts=tuple(_drawn(part, count, seed, where) for part in store.parts))
    return _drawn(store, count, seed, where)


def with_interface(store: Sequences | SequenceMixture, interface: Interface) -> Sequences | SequenceMixture:
    """The same episodes in the units of these tasks."""
    if isinstance(store, SequenceMixture):
        tasks = zip(store.parts, interface.tasks, strict=True)
        return replace(store, parts=tuple(replace(part, interface=Interface((task,))) for part, task in tasks))
    return replace(store, interface=interface)


def _drawn(sequences: Sequences, count: int, seed: int, where: str) -> Sequences:
    if count > sequences.num_episodes:
        raise ParameterError(
            f"{where}.demonstrations: expected at most {sequences.num_episodes}, the training episodes, got {count}"
        )
    task, agents = sequences.task, sequences.spec.num_agents
    episodes = np.sort(np.random.default_rng(seed).permutation(sequences.num_episodes)[:count])
    steps = DrawnSplit(sequences.steps, (episodes[:, None] * agents + np.arange(agents)).reshape(-1))
    columns, starts = steps.columns, np.zeros(steps.offsets[-1], bool)
    starts[steps.offsets[:-1]] = True
    returns_to_go = columns["return_to_go"][:, 0]
    sums = ScaleSums(task.state_dim)
    sums.add(columns["observation"], returns_to_go, starts)
    quantiles = np.quantile(returns_to_go[starts], np.linspace(0, 1, len(task.return_quantiles)))
    scaled = replace(task, scales=sums.scales(sequences.spec), return_quantiles=tuple(quantiles.tolist()))
    labels = {name: values[steps.chosen] for name, values in sequences.labels_of_steps.items()}
    return Sequences(Interface((scaled,)), steps, sequences.sha256, labels)
