"""Sequences of several tasks, read together: batches in which rows of different tasks stand side by side.

SequenceMixture -- the tasks' sequences, and how often each is drawn
MixedDataset    -- batches of their chunks
open_store(...) -- a split of a store of one task or of several

K tasks, B rows, T steps a chunk. States and actions are padded as interface.py says, and the column `task` names each row's task.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from understudy.errors import DataError
from understudy.interface import Interface
from understudy.sequences.batch import Batch, concatenate
from understudy.sequences.dataset import STEPS_READ_AT_ONCE, Chunks, SequenceDataset, gather
from understudy.sequences.split_file import map_split
from understudy.sequences.store import FORMAT_VERSION, Sequences, open_sequences
from understudy.utils.jsonfile import read_versioned_json, sha256

SHARES = 1  # a stream of numbers of its own, beside those that cut the tasks' episodes


@dataclass(frozen=True)
class SequenceMixture:
    """One split of K tasks.

    Attributes:
        names: of the tasks.
        parts: the sequences of each.
        weights: of each in training, above 0.
        sha256: of store.json, which holds the hashes of everything that the sequences are made of.

    Raises:
        DataError: a task has several agents.
    """

    names: tuple[str, ...]
    parts: tuple[Sequences, ...]
    weights: tuple[float, ...]
    sha256: str

    def __post_init__(self) -> None:
        for name, part in zip(self.names, self.parts, strict=True):
            if part.task.num_agents > 1:
                raise DataError(f"tasks.{name}: expected one agent, got {part.task.num_agents}")

    @property
    def interface(self) -> Interface:
        """What a model is told of all tasks."""
        return Interface(tuple(part.task for part in self.parts))

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns that a batch may have: those that all tasks have."""
        return frozenset(self.parts[0].columns).intersection(*(part.columns for part in self.parts))

    @property
    def num_sequences(self) -> int:
        """Sequences of all tasks."""
        return sum(part.num_sequences for part in self.parts)

    @property
    def num_steps(self) -> int:
        """Steps of all tasks."""
        return sum(part.num_steps for part in self.parts)


@dataclass(frozen=True)
class MixedDataset:
    """Batches of the chunks of several tasks.

    A batch has of each task as many chunks as its weight says, give or take one: chance decides where they do not come out even.
    An epoch ends when each task's chunks have all been in a batch; those of a task with fewer for its weight have been in more.

    Attributes:
        mixture: where they come from.
        parts: the chunks of each task, all with the same chunk length, batch size and columns.
    """

    mixture: SequenceMixture
    parts: tuple[SequenceDataset, ...]

    @property
    def interface(self) -> Interface:
        """That of all tasks."""
        return self.mixture.interface

    def in_order(self) -> Iterator[Batch]:
        """All chunks once, task by task, in the episodes' order."""
        for number, part in enumerate(self.parts):
            for batch in part.in_order():
                yield self._padded(number, batch)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """An epoch's batches, whose rows are in the order of their tasks; a pure function of seed and epoch."""
        generator = np.random.default_rng([seed, epoch, SHARES])
        streams = [_Stream(part, seed, epoch, number) for number, part in enumerate(self.parts)]
        of_all = np.asarray([len(stream.chunks.first) for stream in streams])
        first, taken = self.parts[0], np.zeros(len(streams), np.int64)
        at_once = max(1, STEPS_READ_AT_ONCE // (first.batch_size * first.chunk_length))
        while True:
            counts = np.stack([self._shares(generator) for _ in range(at_once)])  # (at_once, K)
            read = [
                self._padded(number, gather(part.sequences, stream.take(count), part.chunk_length, part.columns))
                for number, (part, stream, count) in enumerate(zip(self.parts, streams, counts.sum(0), strict=True))
            ]
            ends = counts.cumsum(0)
            for begin, end in zip(ends - counts, ends, strict=True):
                yield concatenate([rows.rows(slice(*place)) for rows, *place in zip(read, begin, end, strict=True)])
                if (taken + end >= of_all).all():
                    return
            taken += ends[-1]

    def _shares(self, generator: np.random.Generator) -> np.ndarray:
        """How many rows of a batch are of each task, (K,) int64: evenly spaced places on the line of weights."""
        size, weights = self.parts[0].batch_size, np.asarray(self.mixture.weights)
        places = (np.arange(size) + generator.random()) / size
        ends = weights.cumsum() / weights.sum()
        return np.bincount(np.minimum(np.searchsorted(ends, places, side="right"), len(ends) - 1), minlength=len(ends))

    def _padded(self, number: int, batch: Batch) -> Batch:
        """The rows of a task as wide as those of all."""
        columns = {name: self._padded_column(number, name, column) for name, column in batch.columns.items()}
        return replace(batch, columns=columns)

    def _padded_column(self, number: int, name: str, column: Tensor) -> Tensor:
        match name:
            case "task":
                return torch.full_like(column, number)
            case "observation" | "final_observation" | "prompt_observation":
                return torch.from_numpy(self.interface.pad_states(column.numpy()))
            case "action" | "label" | "prompt_action":
                return torch.from_numpy(self.interface.pad_actions(number, column.numpy()))
        return column


class _Stream:
    """A task's chunks, all of them once, then all once more in another order, and so on."""

    def __init__(self, part: SequenceDataset, seed: int, epoch: int, number: int) -> None:
        self.part, self.key = part, (seed, epoch, SHARES + 1 + number)
        self.rounds = itertools.count()
        self.chunks, self.place = self._shuffled(), 0

    def take(self, count: int) -> Chunks:
        """The next ones."""
        taken: list[Chunks] = []
        while count > 0:
            if self.place == len(self.chunks.first):
                self.chunks, self.place = self._shuffled(), 0
            stop = min(self.place + count, len(self.chunks.first))
            taken.append(self.chunks.picked(np.arange(self.place, stop)))
            count -= stop - self.place
            self.place = stop
        if not taken:
            return self.chunks.picked(np.arange(0))
        return reduce(Chunks.followed_by, taken)

    def _shuffled(self) -> Chunks:
        return self.part.shuffled_chunks(np.random.default_rng([*self.key, next(self.rounds)]))


def open_store(folder: Path, split: str) -> Sequences | SequenceMixture:
    """Map one split of a store, of one task or of several.

    Raises:
        DataError: a file is missing, truncated, of another format, or holds another layout than store.json says.
    """
    description = folder / "store.json"
    content = read_versioned_json(description, FORMAT_VERSION)
    if "tasks" not in content:
        return open_sequences(folder, split)
    try:
        tasks = Interface.from_json(content["interface"]).tasks
        names = tuple(str(each["name"]) for each in content["tasks"])
        weights = tuple(float(each["weight"]) for each in content["tasks"])
        described = list(zip(names, tasks, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{description}: expected a description of sequences, got a malformed one: {error!r}") from None
    digest = sha256(description)
    parts = tuple(
        Sequences(Interface((task,)), map_split(folder / f"{name}.{split}.arrow", task), digest)
        for name, task in described
    )
    return SequenceMixture(names, parts, weights, digest)
