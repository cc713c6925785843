"""The entries of actions as values of one vocabulary.

ActionValues -- what a value stands for in each task

B rows, K tasks, E entries of an action, V vocabulary. The value of a choice is its number, that of an entry of a vector the
number of the nearest of evenly spaced ones from -1 to 1, both included.
"""

import torch
from torch import Tensor, nn

from understudy.nn.action_entries import ActionEntries
from understudy.nn.task_spaces import TaskSpaces, of_rows


class ActionValues(nn.Module):
    """Values of entries; nothing of it is learned.

    Args:
        spaces: of the tasks.
        num_bins: values of an entry of a vector.

    Attributes:
        num_bins: of an entry of a vector.
        vocabulary: V, the most values that an entry has in some task.
        exists: (K, V) bool, the values that there are in a task.

    Raises:
        ValueError: an entry of a vector would have a single value.
    """

    exists: Tensor

    def __init__(self, spaces: TaskSpaces, num_bins: int) -> None:
        super().__init__()
        self.spaces, self.num_bins = spaces, num_bins
        self.entries = ActionEntries(spaces.entry_width, discrete_actions=False, num_bins=num_bins)
        sizes = [
            dim if discrete else num_bins for discrete, dim in zip(spaces.discrete, spaces.action_dims, strict=True)
        ]
        self.vocabulary = max(sizes)
        exists = torch.arange(self.vocabulary) < torch.tensor(sizes)[:, None]
        self.register_buffer("exists", exists, persistent=False)

    def encode(self, entries: Tensor, task_ids: Tensor) -> Tensor:
        """Values (B, ..., E) int64 of actions (B, ..., E); 0 of entries that the task does not have."""
        values = torch.where(self._chosen(entries, task_ids), entries.long(), self.entries.encode(entries))
        return values.masked_fill(~of_rows(self.spaces.entry_exists[task_ids], entries), 0)

    def decode(self, values: Tensor, task_ids: Tensor) -> Tensor:
        """Actions (B, ..., E) float32 of values (B, ..., E); 0 of entries that the task does not have."""
        entries = torch.where(self._chosen(values, task_ids), values.float(), self.entries.decode(values))
        return entries.masked_fill(~of_rows(self.spaces.entry_exists[task_ids], entries), 0.0)

    def numbers(self, values: Tensor, task_ids: Tensor) -> Tensor:
        """The numbers (B, ..., n) float32 from -1 to 1 that values (B, ..., n) stand for; 0 of choices, which have no order."""
        return self.entries.decode(values).masked_fill(self._chosen(values, task_ids), 0.0)

    def _chosen(self, like: Tensor, task_ids: Tensor) -> Tensor:
        """Whether entries (B, ..., n) are choices, (B, ..., 1)."""
        return of_rows(self.spaces.is_choice[task_ids][:, None], like)
