"""Chunks of episodes, in an order that is a pure function of seed and epoch, gathered into batches by reading each from its file.

B rows, T steps a chunk, N agents.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from understudy.sequences.batch import Batch
from understudy.sequences.store import Sequences, per_step

# Batches are read together up to so many steps: for a single one, most of the time would go into bringing the loader's code
# and data back into the caches, which training has filled with its own.
STEPS_READ_AT_ONCE = 16_384


@dataclass(frozen=True)
class Chunks:
    """C pieces of sequences: `first` step in the store, `length` in steps, `lead`ing steps that are context and do not count."""

    first: np.ndarray
    length: np.ndarray
    lead: np.ndarray
    sequence: np.ndarray

    def of_all_agents(self, sequences: Sequences) -> "Chunks":
        """Chunks of first agents, each followed by the same steps of the other agents."""
        agents = sequences.spec.num_agents
        numbers = (self.sequence[:, None] + np.arange(agents)).reshape(-1)
        first, length, lead, own = (
            np.repeat(each, agents) for each in (self.first, self.length, self.lead, self.sequence)
        )
        return Chunks(first + sequences.offsets[numbers] - sequences.offsets[own], length, lead, numbers)


@dataclass(frozen=True)
class SequenceDataset:
    """Batches of `batch_size` chunks of episodes of at most `chunk_length` steps; of N agents each chunk makes N rows.

    In each epoch every step counts exactly once. Chunks of an episode overlap by `lead` steps, which the later one sees but
    does not count: at least one, since a step's predecessor must be seen; more where predictions are judged.
    """

    sequences: Sequences
    chunk_length: int
    batch_size: int
    lead: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.lead < self.chunk_length:
            raise ValueError(f"lead: expected from 1 to {self.chunk_length - 1} steps, got {self.lead}")

    def in_order(self) -> Iterator[Batch]:
        """All chunks once, in the episodes' order, cut from each episode's start."""
        chunks = self._cut(np.zeros(self.sequences.num_episodes, dtype=np.int64))
        return self._batches(chunks, np.arange(len(chunks.first)))

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """All chunks once, in random order, cut anew at random places in each epoch."""
        generator = np.random.default_rng([seed, epoch])
        stride = self.chunk_length - self.lead
        chunks = self._cut(generator.integers(stride, size=self.sequences.num_episodes))
        return self._batches(chunks, generator.permutation(len(chunks.first)))

    def _cut(self, phases: np.ndarray) -> Chunks:
        """Cut each episode into strides that begin `phases` steps before it; a chunk is a stride and its lead."""
        stride = self.chunk_length - self.lead
        agents = self.sequences.spec.num_agents
        starts, lengths = self.sequences.offsets[:-1:agents], np.diff(self.sequences.offsets)[::agents]
        counts = -(-(lengths + phases) // stride)
        episode = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        counted_from = np.maximum(number * stride - phases[episode], 0)
        counted_to = np.minimum((number + 1) * stride - phases[episode], lengths[episode])
        lead = np.minimum(self.lead, counted_from)
        return Chunks(starts[episode] + counted_from - lead, counted_to - counted_from + lead, lead, agents * episode)

    def _batches(self, chunks: Chunks, order: np.ndarray) -> Iterator[Batch]:
        batch_rows = self.batch_size * self.sequences.spec.num_agents
        at_once = self.batch_size * max(1, STEPS_READ_AT_ONCE // (batch_rows * self.chunk_length))
        for begin in range(0, len(order), at_once):
            chosen = order[begin : begin + at_once]
            picked = Chunks(chunks.first[chosen], chunks.length[chosen], chunks.lead[chosen], chunks.sequence[chosen])
            read = gather(self.sequences, picked.of_all_agents(self.sequences), self.chunk_length)
            for start in range(0, len(read.mask), batch_rows):
                yield read.rows(slice(start, start + batch_rows))


def gather(sequences: Sequences, chunks: Chunks, chunk_length: int) -> Batch:
    """Read the chunks' steps; rows are padded on the right with their last step, which no loss counts."""
    time = np.arange(chunk_length)
    mask = (time < chunks.length[:, None]) & (time >= chunks.lead[:, None])
    known = mask & ~sequences.truncated[chunks.sequence][:, None]
    spec, normalisation = sequences.spec, sequences.normalisation
    state_action, labels, returns_to_go = (
        sequences.steps.read(name, chunks.first, chunks.length, chunk_length)
        for name in ("state_action", "label", "return_to_go")
    )
    states, actions = np.split(state_action, [len(sequences.view.visible)], axis=-1)
    action_type = np.int64 if spec.discrete_actions else np.float32
    options = terminations = None
    if sequences.options is not None:
        steps = chunks.first[:, None] + np.minimum(time, chunks.length[:, None] - 1)  # (B, T)
        options = torch.from_numpy(sequences.options[steps].astype(np.int64))
        terminations = torch.from_numpy(sequences.terminations[steps])
    return Batch(
        states=torch.from_numpy(normalisation.apply(states)),
        actions=torch.from_numpy(per_step(actions, spec).astype(action_type)),
        labels=torch.from_numpy(per_step(labels, spec).astype(action_type)),
        returns_to_go=torch.from_numpy(normalisation.apply_returns(returns_to_go[..., 0])),
        seq_lens=torch.from_numpy(chunks.length),
        mask=torch.from_numpy(mask),
        value_mask=torch.from_numpy(known),
        options=options,
        terminations=terminations,
        num_agents=spec.num_agents,
    )
