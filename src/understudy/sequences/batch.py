"""A batch of chunks of episodes, as the models take it.

Batch                -- rows
concatenate(batches) -- the rows of several
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

# Columns that have no steps, or steps of another episode.
OF_EPISODES = (
    "agent",
    "final_observation",
    "first_step",
    "prompt_action",
    "prompt_length",
    "prompt_observation",
    "task",
)


@dataclass(frozen=True)
class Batch:
    """B rows, right-padded to T steps. A row is a chunk of what one agent did.

    Attributes:
        columns: (B, ...) or (B, T, ...) by the names that sequences/columns.py describes, those that a family reads.
        seq_lens: (B,) int64, steps of each row that are real.
        mask: (B, T) bool, steps that count in the losses. Padding does not; nor do the first steps of a chunk cut from the
            middle of an episode, whose predecessors the model cannot see.
        value_mask: (B, T) bool, steps that count and whose return is known. Those of a truncated episode are not: its return
            stops too early.
        num_agents: so many rows, neighbours in the order of the agents, are the same steps of one episode; a length of 0 says
            that an agent is not there.
        row_weights: (B,) float32, how much each row's errors count in the losses of families that tell `row_errors`; None where
            all count alike.
    """

    columns: dict[str, Tensor]
    seq_lens: Tensor
    mask: Tensor
    value_mask: Tensor
    num_agents: int = 1
    row_weights: Tensor | None = None

    def __getitem__(self, name: str) -> Tensor:
        """A column.

        Raises:
            ValueError: the batch does not have it.
        """
        if name not in self.columns:
            raise ValueError(f"batch: expected a column {name!r}, got {', '.join(self.columns)}")
        return self.columns[name]

    def weighted(self, values: Tensor) -> Tensor:
        """Errors (B, T), each times its row's weight."""
        return values if self.row_weights is None else values * self.row_weights[:, None]

    def rows(self, which: slice) -> Self:
        """These rows, as views of the tensors; of several agents all rows of an episode."""
        return self._with_each(lambda tensor: tensor[which])

    def trimmed(self) -> Self:
        """The same rows without the steps after the longest one's end, as views of the tensors."""
        longest = max(1, int(self.seq_lens.max())) if len(self.seq_lens) else 1
        columns = {name: each if name in OF_EPISODES else each[:, :longest] for name, each in self.columns.items()}
        return replace(self, columns=columns, mask=self.mask[:, :longest], value_mask=self.value_mask[:, :longest])

    def to(self, device: torch.device) -> Self:
        """The batch on a device. The copy to a CUDA device is from pinned memory, so that nothing waits for it."""
        if device.type != "cuda":
            return self._with_each(lambda tensor: tensor.to(device))
        return self._with_each(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))

    def followed_by(self, other: Self) -> Self:
        """These rows, then the other's, which has the same columns and length of rows; both have weights."""
        together = {name: torch.cat([column, other[name]]) for name, column in self.columns.items()}
        names = ("seq_lens", "mask", "value_mask", "row_weights")
        parts: dict[str, Any] = {name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names}
        return replace(self, columns=together, **parts)

    def _with_each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return replace(
            self,
            columns={name: change(column) for name, column in self.columns.items()},
            seq_lens=change(self.seq_lens),
            mask=change(self.mask),
            value_mask=change(self.value_mask),
            row_weights=None if self.row_weights is None else change(self.row_weights),
        )


def concatenate(batches: Sequence[Batch]) -> Batch:
    """The rows of batches, one after the other; all have the same columns, T and number of agents."""
    first = batches[0]
    return replace(
        first,
        columns={name: torch.cat([batch[name] for batch in batches]) for name in first.columns},
        seq_lens=torch.cat([batch.seq_lens for batch in batches]),
        mask=torch.cat([batch.mask for batch in batches]),
        value_mask=torch.cat([batch.value_mask for batch in batches]),
    )
