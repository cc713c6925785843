"""In which order a training meets the chunks of its data.

Sample                             -- a batch, and which chunks it is made of
UniformReplay, PrioritizedReplay   -- every chunk once an epoch, or by how wrong the model was about it
replay_of(dataset, params, seed)   -- the one that the parameters name

The n-th sample is a pure function of the seed, of n and of what was learned of the samples before.
"""

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from understudy.errors import DataError, ParameterError
from understudy.params.training import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset
from understudy.sequences.prioritized import PrioritizedChunks
from understudy.training import distributed
from understudy.training.learner import Update

PRIORITIES = "replay.priorities"


@dataclass(frozen=True)
class Sample:
    """A batch to learn from.

    Attributes:
        batch: of all processes.
        chunks: (B,) int64, places of its chunks among all; None where nobody asks.
    """

    batch: Batch
    chunks: np.ndarray | None = None


class Replay(Protocol):
    """Where a training's batches come from."""

    def draw(self) -> Sample:
        """The next sample."""

    def learn(self, sample: Sample, update: Update) -> None:
        """Take note of what an optimizer step on it came to."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON-ready numbers from which `resume` goes on."""

    def resume(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave; other tensors may be there as well."""


class UniformReplay:
    """Every chunk once an epoch, in an order that seed and epoch decide."""

    def __init__(self, dataset: SequenceDataset | MixedDataset, seed: int) -> None:
        self.dataset, self.seed = dataset, seed
        self._start_epoch(0)

    def _start_epoch(self, epoch: int, batches_taken: int = 0) -> None:
        """Go on with the batches of an epoch after the first few."""
        self.epoch, self.batches_taken = epoch, batches_taken
        self._batches = islice(self.dataset.shuffled(self.seed, epoch), batches_taken, None)

    def draw(self) -> Sample:
        """The next batch of the epoch, or the first of the next one."""
        batch = next(self._batches, None)
        if batch is None:
            self._start_epoch(self.epoch + 1)
            batch = next(self._batches)
        self.batches_taken += 1
        return Sample(batch)

    def learn(self, sample: Sample, update: Update) -> None:
        """Nothing depends on it."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The epoch, and how many of its batches have been taken."""
        return {}, {"epoch": self.epoch, "batches_taken": self.batches_taken}

    def resume(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._start_epoch(numbers["epoch"], numbers["batches_taken"])


class PrioritizedReplay:
    """Chunks by how wrong the model was about them, with weights that undo the bias of such draws in the end.

    Args:
        chunks: what is drawn from.
    """

    def __init__(self, chunks: PrioritizedChunks) -> None:
        self.chunks = chunks

    def draw(self) -> Sample:
        """The next batch, with its rows' weights; of several agents each has the weight of their chunk."""
        batch, chosen, weights = self.chunks.draw()
        return Sample(replace(batch, row_weights=weights.repeat_interleave(batch.num_agents)), chosen)

    def learn(self, sample: Sample, update: Update) -> None:
        """Set the priorities of the sample's chunks by the errors of its rows, those of all processes.

        Raises:
            ParameterError: the family does not tell them.
            DataError: one is not finite.
        """
        if update.row_errors is None:
            raise ParameterError(
                "training.replay: expected uniform, since the family does not say how wrong it is about a row,"
                " got prioritized"
            )
        assert sample.chunks is not None
        errors = distributed.of_all_rows(update.row_errors.detach(), update.rows, len(sample.batch.mask))
        if not torch.isfinite(errors).all():
            raise DataError(
                "training: expected finite errors of each row, got others; a smaller learning_rate may help"
            )
        self.chunks.update(sample.chunks, errors)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The priorities, and how many batches have been drawn."""
        values, numbers = self.chunks.priorities.state()
        return {PRIORITIES: torch.from_numpy(values)}, numbers

    def resume(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.chunks.priorities.resume(tensors[PRIORITIES].numpy(), numbers)


def replay_of(dataset: SequenceDataset | MixedDataset, params: TrainingParams, seed: int) -> Replay:
    """The replay that the parameters name; importance weights are whole at the last of their steps.

    Raises:
        ParameterError: priorities are asked for of several tasks' chunks, which are drawn by the tasks' weights.
    """
    if params.replay == "uniform" or params.prioritized is None:
        return UniformReplay(dataset, seed)
    if isinstance(dataset, MixedDataset):
        raise ParameterError("training.replay: expected uniform with the sequences of several tasks, got prioritized")
    numbers = params.prioritized.model_dump()
    return PrioritizedReplay(PrioritizedChunks(dataset, seed, anneal_batches=params.steps, **numbers))
