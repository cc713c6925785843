"""Chunks of episodes, in an order that is a pure function of seed and epoch, gathered into batches by reading each from its file.

B rows, T steps a chunk, N agents.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from understudy.interface import Interface
from understudy.sequences.batch import Batch
from understudy.sequences.store import Sequences, per_step

# Batches are read together up to so many steps: for a single one, most of the time would go into bringing the loader's code
# and data back into the caches, which training has filled with its own.
STEPS_READ_AT_ONCE = 16_384


@dataclass(frozen=True)
class Chunks:
    """C pieces of sequences.

    Attributes:
        first: (C,) int64, step in the store.
        length: (C,) int64, in steps.
        burn_in: (C,) int64, first steps of the chunk that are context and do not count.
        look_ahead: (C,) int64, last steps of the chunk that are seen and do not count.
        sequence: (C,) int64, which sequence it is cut from.
        further: (C,) int64, from 1, how many episodes after its own the one lies whose first steps it comes with; None for 1.
    """

    first: np.ndarray
    length: np.ndarray
    burn_in: np.ndarray
    look_ahead: np.ndarray
    sequence: np.ndarray
    further: np.ndarray | None = None

    def picked(self, which: np.ndarray) -> "Chunks":
        """Those at the places `which`."""
        return Chunks(**{name: values[which] for name, values in self._present})

    def followed_by(self, others: "Chunks") -> "Chunks":
        """These, then the others, of the same sequences."""
        return Chunks(**{name: np.concatenate([values, getattr(others, name)]) for name, values in self._present})

    def of_all_agents(self, sequences: Sequences) -> "Chunks":
        """Chunks of first agents, each followed by the same steps of the other agents."""
        agents = sequences.spec.num_agents
        own = self.picked(np.repeat(np.arange(len(self.first)), agents))
        numbers = (self.sequence[:, None] + np.arange(agents)).reshape(-1)
        first = own.first + sequences.offsets[numbers] - sequences.offsets[own.sequence]
        return replace(own, first=first, sequence=numbers)

    @property
    def _present(self) -> list[tuple[str, np.ndarray]]:
        """All of them by name, but those that are None."""
        values = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, array) for name, array in values if array is not None]


@dataclass(frozen=True)
class SequenceDataset:
    """Batches of chunks of episodes; of N agents each chunk makes N rows. In each epoch every step counts exactly once.

    Attributes:
        sequences: where they come from.
        chunk_length: T, at most, in steps.
        batch_size: chunks a batch.
        columns: which columns of the store a batch has.
        burn_in: steps by which chunks of an episode overlap, which the later one sees but does not count: at least one, since a
            step's predecessor must be seen; more where a model looks at more of them, or where predictions are evaluated.
        look_ahead: steps by which chunks of an episode overlap beside, which the earlier one sees but does not count: as many as
            a model's targets look at.
        episodes: (K,) int64, numbers of the episodes that it is made of; None for all.

    Raises:
        ValueError: burn-in and look-ahead leave nothing of a chunk, or there is no such column.
    """

    sequences: Sequences
    chunk_length: int
    batch_size: int
    columns: frozenset[str]
    burn_in: int = 1
    look_ahead: int = 0
    episodes: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.look_ahead < 0:
            raise ValueError(f"look_ahead: expected from 0 steps, got {self.look_ahead}")
        if not 1 <= self.burn_in < self.chunk_length - self.look_ahead:
            most = self.chunk_length - self.look_ahead - 1
            raise ValueError(f"burn_in: expected from 1 to {most} steps, got {self.burn_in}")
        missing = sorted(self.columns - self.sequences.columns)
        if missing:
            raise ValueError(
                f"columns: expected some of {', '.join(sorted(self.sequences.columns))}, got {missing[0]!r}"
            )

    @property
    def stride(self) -> int:
        """Steps of a chunk that count, at most."""
        return self.chunk_length - self.burn_in - self.look_ahead

    @property
    def interface(self) -> Interface:
        """Of the sequences."""
        return self.sequences.interface

    def in_order(self) -> Iterator[Batch]:
        """All chunks once, in the episodes' order, cut from each episode's start."""
        return self._batches(self.cut(np.zeros(len(self._members), dtype=np.int64)))

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """All chunks once, in random order, cut anew at random places in each epoch."""
        return self._batches(self.shuffled_chunks(np.random.default_rng([seed, epoch])))

    def shuffled_chunks(self, generator: np.random.Generator) -> Chunks:
        """All chunks once, cut at places and put into an order that the generator draws."""
        chunks = self.cut(generator.integers(self.stride, size=len(self._members)))
        chunks = chunks.picked(generator.permutation(len(chunks.first)))
        if "prompt_length" not in self.columns:
            return chunks
        others = max(1, self.sequences.num_episodes - 1)
        return replace(chunks, further=generator.integers(1, others + 1, size=len(chunks.first)))

    def cut(self, offsets: np.ndarray) -> Chunks:
        """Cut each episode into strides that begin `offsets` (K,) steps before it; a chunk is one, and what it sees around it."""
        stride, agents = self.stride, self.sequences.spec.num_agents
        first_agents = agents * self._members
        starts, lengths = self.sequences.offsets[first_agents], np.diff(self.sequences.offsets)[first_agents]
        counts = -(-(lengths + offsets) // stride)
        episode = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        counted_from = np.maximum(number * stride - offsets[episode], 0)
        counted_to = np.minimum((number + 1) * stride - offsets[episode], lengths[episode])
        burn_in = np.minimum(self.burn_in, counted_from)
        look_ahead = np.minimum(self.look_ahead, lengths[episode] - counted_to)
        first, length = starts[episode] + counted_from - burn_in, burn_in + counted_to - counted_from + look_ahead
        return Chunks(first, length, burn_in, look_ahead, first_agents[episode])

    @property
    def _members(self) -> np.ndarray:
        return np.arange(self.sequences.num_episodes) if self.episodes is None else self.episodes

    def _batches(self, chunks: Chunks) -> Iterator[Batch]:
        batch_rows = self.batch_size * self.sequences.spec.num_agents
        at_once = self.batch_size * max(1, STEPS_READ_AT_ONCE // (batch_rows * self.chunk_length))
        for begin in range(0, len(chunks.first), at_once):
            chosen = np.arange(begin, min(begin + at_once, len(chunks.first)))
            picked = chunks.picked(chosen).of_all_agents(self.sequences)
            read = gather(self.sequences, picked, self.chunk_length, self.columns)
            for start in range(0, len(read.mask), batch_rows):
                yield read.rows(slice(start, start + batch_rows))


def gather(sequences: Sequences, chunks: Chunks, chunk_length: int, columns: frozenset[str]) -> Batch:
    """Read these columns of the chunks' steps; rows are padded on the right with their last step, which no loss counts."""
    time = np.arange(chunk_length)
    mask = (time < (chunks.length - chunks.look_ahead)[:, None]) & (time >= chunks.burn_in[:, None])
    known = mask & ~sequences.steps.episodes["truncated"][chunks.sequence][:, None]
    return Batch(
        columns={name: torch.from_numpy(_read(name, sequences, chunks, chunk_length)) for name in sorted(columns)},
        seq_lens=torch.from_numpy(chunks.length),
        mask=torch.from_numpy(mask),
        value_mask=torch.from_numpy(known),
        num_agents=sequences.spec.num_agents,
    )


def _read(name: str, sequences: Sequences, chunks: Chunks, chunk_length: int) -> np.ndarray:
    """A column of a batch, as columns.py describes it."""
    task, file, time = sequences.task, sequences.steps, np.arange(chunk_length)
    match name:
        case "final_observation":
            return task.normalize_states(file.episodes["final_observation"][chunks.sequence])
        case "agent":
            return chunks.sequence % task.num_agents
        case "task":
            return np.zeros(len(chunks.first), np.int64)
        case "first_step":
            return chunks.first - sequences.offsets[chunks.sequence]
        case "prompt_observation" | "prompt_action" | "prompt_length":
            return _read_prompts(name, sequences, chunks, chunk_length)
        case "terminated" | "truncated":
            last = sequences.offsets[chunks.sequence + 1] - 1 - chunks.first  # (B,) the episode's last step in the row
            return (time == last[:, None]) & file.episodes[name][chunks.sequence][:, None]
        case "option" | "termination":
            steps = chunks.first[:, None] + np.minimum(time, chunks.length[:, None] - 1)  # (B, T)
            values = sequences.labels_of_steps[name][steps]
            return values.astype(np.int64) if name == "option" else values
    raw = file.read(name, chunks.first, chunks.length, chunk_length)  # (B, T, numbers)
    match name:
        case "observation":
            return task.normalize_states(raw)
        case "action" | "label":
            return task.normalize_actions(per_step(raw, task.environment))
        case "return_to_go":
            return task.normalize_returns(raw[..., 0])
        case _:
            return raw[..., 0]


def _read_prompts(name: str, sequences: Sequences, chunks: Chunks, chunk_length: int) -> np.ndarray:
    """A column of the first steps of another episode, of the same agent, for each chunk."""
    others, further = sequences.num_episodes - 1, np.asarray(1) if chunks.further is None else chunks.further
    prompt = (chunks.sequence + sequences.spec.num_agents * further) % sequences.num_sequences
    first = sequences.offsets[prompt]
    length = np.minimum(sequences.offsets[prompt + 1] - first, chunk_length)
    if name == "prompt_length":
        return length if others else np.zeros_like(length)
    none = np.zeros_like(length)
    of_prompts = Chunks(first, length, none, none, prompt)
    return _read(name.removeprefix("prompt_"), sequences, of_prompts, chunk_length)
