"""Batches of which a part is recorded and the rest is new (RLPD: Ball et al., 2023).

MixedReplay(recorded, collected) -- both drawn by priorities, or all alike
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.params.training import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.prioritized import PrioritizedChunks
from understudy.training.learner import Update
from understudy.training.replay import PrioritizedReplay, Sample

ALIKE = {
    "exponent": 0.0,
    "correction": 0.0,
    "smallest_error": 1.0,
}  # of priorities that draw every chunk as often as any


class MixedReplay:
    """The recordings' part of each batch, then that of what has been collected so far.

    Args:
        parts: by name, in this order in each batch; of those that grow with their sequences `extend` takes note.
        prioritized: whether they heed how wrong the model was.
    """

    def __init__(self, parts: dict[str, PrioritizedChunks], prioritized: bool) -> None:
        self.parts = {name: PrioritizedReplay(chunks) for name, chunks in parts.items()}
        self.prioritized = prioritized
        self._drawn: dict[str, tuple[Sample, slice]] = {}

    def draw(self) -> Batch:
        """The next batch."""
        batch: Batch | None = None
        for name, part in self.parts.items():
            sample, first = part.draw(), 0 if batch is None else len(batch.mask)
            batch = sample.batch if batch is None else batch.followed_by(sample.batch)
            self._drawn[name] = (sample, slice(first, len(batch.mask)))
        assert batch is not None
        return batch

    def learn(self, update: Update) -> None:
        """Take note of how wrong the model was about the rows of the last batch."""
        for name, (sample, rows) in self._drawn.items() if self.prioritized else ():
            errors = None if update.row_errors is None else update.row_errors[rows]
            self.parts[name].learn(sample, replace(update, row_errors=errors, rows=rows))

    def extend(self, name: str) -> None:
        """Draw from the episodes that have been added to a part, too."""
        self.parts[name].chunks.extend()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON-ready numbers from which `resume` goes on."""
        states = {name: part.chunks.priorities.state() for name, part in self.parts.items()}
        tensors = {_key(name): torch.from_numpy(values) for name, (values, _) in states.items()}
        return tensors, {name: numbers for name, (_, numbers) in states.items()}

    def resume(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave, with the same episodes in every part."""
        for name, part in self.parts.items():
            part.chunks.priorities.resume(tensors[_key(name)].numpy(), numbers[name])


def chunks_of(dataset: SequenceDataset, params: TrainingParams, seed: int, updates: int) -> PrioritizedChunks:
    """A part's chunks as the parameters say; importance weights are whole after so many updates.

    Raises:
        ValueError: the dataset has no episode.
    """
    prioritized = params.replay == "prioritized" and params.prioritized is not None
    numbers = params.prioritized.model_dump() if prioritized and params.prioritized is not None else ALIKE
    return PrioritizedChunks(dataset, seed, anneal_batches=updates, **numbers)


def part_sizes(batch_size: int, recorded_share: float) -> tuple[int, int]:
    """Recorded and new chunks of a batch; at least one is new, and one recorded where there is a share of them."""
    recorded = int(np.clip(round(recorded_share * batch_size), min(1, recorded_share > 0), batch_size - 1))
    return recorded, batch_size - recorded


def _key(name: str) -> str:
    return f"replay.{name}"
