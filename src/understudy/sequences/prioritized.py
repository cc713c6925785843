"""Chunks of episodes drawn by how wrong the model was about them (Schaul et al., 2016), in place of once an epoch each.

Priorities        -- the numbers: which chunk to draw, with which weight, what was learned of it
PrioritizedChunks -- batches of a dataset's chunks by them

Which chunks the n-th batch has is a pure function of the seed, of n and of the errors that were told before. What is kept for a
later run is the priorities and n: sums are made of the priorities anew, and come out the same to the bit.

C chunks, B of them drawn together.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.errors import ParameterError
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import Chunks, SequenceDataset, gather

MOST_IN_ONE_SUM = 10_000
FAN_OUT = 128


@dataclass
class Priorities:
    """What decides which of C chunks are drawn.

    Up to 10,000 chunks one cumulative sum is made for each batch and searched; beyond, a tree of sums, 128 below each, of which
    an update touches the branches that have changed. Measured on one core (AMD EPYC), drawing and updating 64 of C chunks, in
    microseconds: with one sum 31 of 2,000, 57 of 10,000, 88 of 20,000 and 4,000 of 1,000,000; with a tree 77, 80 and 112 of
    the last three. They cross near 17,000.

    Args:
        count: C.
        seed: of the draws.
        exponent: alpha of Schaul et al.: 0 draws all alike, 1 in proportion to the errors.
        correction: beta at the first batch; it grows to 1, where weights undo the bias of the draws altogether.
        anneal_batches: after how many batches it is 1.
        smallest_error: added to every error, so that no chunk is never drawn again.

    Attributes:
        values: (C,) float64, each chunk's (error + smallest_error) ** exponent; those never told of have the greatest so far.
        drawn: how many batches have been.
        greatest: of all values so far, at first 1.

    Raises:
        ValueError: there is no chunk, or a number is out of its range.
    """

    count: int
    seed: int
    exponent: float
    correction: float
    anneal_batches: int
    smallest_error: float
    values: np.ndarray = field(init=False)
    drawn: int = field(init=False, default=0)
    greatest: float = field(init=False, default=1.0)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: expected at least one chunk to draw from, got {self.count}")
        for name in ("exponent", "correction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected from 0 to 1, got {getattr(self, name)}")
        if self.anneal_batches < 1 or not self.smallest_error > 0:
            raise ValueError(
                "anneal_batches, smallest_error: expected at least 1 and above 0,"
                f" got {self.anneal_batches} and {self.smallest_error}"
            )
        self._take(np.ones(self.count))

    @property
    def beta(self) -> float:
        """Of the next batch."""
        return self.correction + (1 - self.correction) * min(1.0, self.drawn / self.anneal_batches)

    def draw(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The next batch: one chunk from each of so many equal parts of the priorities' sum.

        Returns:
            Places (B,) int64 of chunks, some maybe more than once, and their weights (B,) float64, the greatest of which is 1:
            (C * probability) ** -beta of each.
        """
        generator = np.random.default_rng([self.seed, self.drawn])
        parts = (np.arange(number) + generator.random(number)) / number
        chosen = self._find(parts * self._levels[-1].sum())
        # Of the probabilities only their ratios matter, since the greatest weight is 1.
        chances = self.values[chosen]
        weights = (chances / chances.min()) ** -self.beta
        self.drawn += 1
        return chosen, weights

    def update(self, chosen: np.ndarray, errors: np.ndarray) -> None:
        """Take note of what was learned: the errors (B,) of chunks (B,), of one drawn more than once the last.

        Raises:
            ValueError: an error is not a finite number from 0.
        """
        good = np.isfinite(errors) & (errors >= 0)
        if not good.all():
            raise ValueError(f"errors: expected finite numbers from 0, got {errors[~good].tolist()}")
        values = (np.asarray(errors, np.float64) + self.smallest_error) ** self.exponent
        self.values[chosen] = values
        self.greatest = max(self.greatest, float(values.max(initial=0.0)))
        places = chosen
        for below, above in zip(self._levels, self._levels[1:], strict=False):
            places = np.unique(places // FAN_OUT)
            above[places] = below.reshape(-1, FAN_OUT)[places].sum(1)

    def extend(self, number: int) -> None:
        """So many more chunks, after those that are there; what was drawn before stays as it was."""
        self.count += number
        self._take(np.concatenate([self.values, np.full(number, self.greatest)]))

    def state(self) -> tuple[np.ndarray, dict[str, Any]]:
        """All that a later run needs: the priorities (C,) float64, and JSON-ready numbers."""
        return self.values.copy(), {"drawn": self.drawn, "greatest": self.greatest}

    def resume(self, values: np.ndarray, numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave; ValueError where it is of another number of chunks."""
        if values.shape != (self.count,):
            raise ValueError(f"priorities: expected those of {self.count} chunks, got shape {values.shape}")
        self.drawn, self.greatest = numbers["drawn"], numbers["greatest"]
        self._take(values)

    def _take(self, values: np.ndarray) -> None:
        """Make all sums of these priorities; `values` is then a view of the lowest level, which is padded by zeros."""
        levels = [np.array(values, np.float64)]
        while len(levels[-1]) > MOST_IN_ONE_SUM:
            levels[-1] = np.append(levels[-1], np.zeros(-len(levels[-1]) % FAN_OUT))
            levels.append(levels[-1].reshape(-1, FAN_OUT).sum(1))
        self._levels, self.values = levels, levels[0][: self.count]

    def _find(self, sums: np.ndarray) -> np.ndarray:
        """In which chunk's part of the priorities' sum each of `sums` (B,) lies."""
        cumulated = self._levels[-1].cumsum()
        # Where rounding leads beyond the last priority, the last is meant.
        places = np.minimum(np.searchsorted(cumulated, sums, side="right"), len(cumulated) - 1)
        rest = sums - np.where(places > 0, cumulated[places - 1], 0.0)
        for level in self._levels[-2::-1]:
            branches = level.reshape(-1, FAN_OUT)[places]
            cumulated = branches.cumsum(1)
            inner = (cumulated <= rest[:, None]).sum(1)
            filled = FAN_OUT - 1 - (branches[:, ::-1] > 0).argmax(1)
            inner = np.minimum(inner, filled)
            rows = np.arange(len(sums))
            rest = rest - np.where(inner > 0, cumulated[rows, inner - 1], 0.0)
            places = places * FAN_OUT + inner
        return places


class PrioritizedChunks:
    """Batches of a dataset's chunks, drawn by their priorities; a chunk never crosses an episode's end.

    Chunks are cut once, at places that the seed decides, since a priority is that of a chunk. Of N agents a chunk makes N rows.
    At least one step after those that count is seen as well, where the episode has one: it would be missing at every draw.

    Args:
        dataset: whose chunks they are.
        seed: of cuts and draws.
        priorities: further arguments of Priorities.

    Attributes:
        chunks: all C of them.
        priorities: theirs.

    Raises:
        ParameterError: the dataset's burn-in leaves less than two steps of a chunk.
        ValueError: the dataset has no episode, or as of Priorities.
    """

    def __init__(self, dataset: SequenceDataset, seed: int, **priorities: Any) -> None:
        if dataset.chunk_length < dataset.burn_in + 2:
            raise ParameterError(
                f"training.chunk_length: expected at least {dataset.burn_in + 2} steps, of which the first {dataset.burn_in} are"
                f" looked back on and the last is the successor of one that counts, got {dataset.chunk_length}"
            )
        self.dataset, self.seed = replace(dataset, look_ahead=max(1, dataset.look_ahead)), seed
        self.episodes = dataset.sequences.num_episodes if dataset.episodes is None else len(dataset.episodes)
        self.chunks = self._cut(dataset.episodes, np.random.default_rng(seed))
        self.priorities = Priorities(len(self.chunks.first), seed, **priorities)

    def extend(self) -> None:
        """Cut the episodes that have been added to the dataset's sequences, and let them come as often as the worst so far."""
        added = np.arange(self.episodes, self.dataset.sequences.num_episodes)
        more = self._cut(added, np.random.default_rng([self.seed, self.episodes]))
        self.chunks, self.episodes = self.chunks.followed_by(more), self.episodes + len(added)
        self.priorities.extend(len(more.first))

    def draw(self) -> tuple[Batch, np.ndarray, Tensor]:
        """The next batch, places (B,) int64 of its chunks, and their weights (B,) float32 for its losses."""
        chosen, weights = self.priorities.draw(self.dataset.batch_size)
        dataset = self.dataset
        picked = self.chunks.picked(chosen).of_all_agents(dataset.sequences)
        batch = gather(dataset.sequences, picked, dataset.chunk_length, dataset.columns)
        return batch, chosen, torch.from_numpy(weights.astype(np.float32))

    def update(self, chosen: np.ndarray, row_errors: Tensor) -> None:
        """Take note of the errors (B * N,) of a batch's rows, as Losses has them; a chunk's is the greatest of its agents'."""
        errors = row_errors.detach().cpu().double().numpy()
        self.priorities.update(chosen, errors.reshape(len(chosen), -1).max(1))

    def _cut(self, episodes: np.ndarray | None, generator: np.random.Generator) -> Chunks:
        """Chunks of episodes (K,), None for all."""
        dataset = replace(self.dataset, episodes=episodes)
        count = dataset.sequences.num_episodes if episodes is None else len(episodes)
        return dataset.cut(generator.integers(dataset.stride, size=count))
