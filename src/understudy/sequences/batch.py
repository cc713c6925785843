"""A batch of chunks of episodes, as the models take it."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


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
    """

    columns: dict[str, Tensor]
    seq_lens: Tensor
    mask: Tensor
    value_mask: Tensor
    num_agents: int = 1

    def __getitem__(self, name: str) -> Tensor:
        """A column.

        Raises:
            ValueError: the batch does not have it.
        """
        if name not in self.columns:
            raise ValueError(f"batch: expected a column {name!r}, got {', '.join(self.columns)}")
        return self.columns[name]

    def rows(self, which: slice) -> Self:
        """These rows, as views of the tensors; of several agents all rows of an episode."""
        return self._with_each(lambda tensor: tensor[which])

    def to(self, device: torch.device) -> Self:
        """The batch on a device. The copy to a CUDA device is from pinned memory, so that nothing waits for it."""
        if device.type != "cuda":
            return self._with_each(lambda tensor: tensor.to(device))
        return self._with_each(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))

    def _with_each(self, change) -> Self:
        columns = {name: change(column) for name, column in self.columns.items()}
        masks = {name: change(getattr(self, name)) for name in ("seq_lens", "mask", "value_mask")}
        return replace(self, columns=columns, **masks)
