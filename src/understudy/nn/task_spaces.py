"""What states and actions of several tasks look like in one tensor, and maps that each task has its own of.

TaskSpaces            -- widths, choices, and checks of rows
TaskLinear            -- a linear map a task
of_rows(values, like) -- what each row has of its own, laid over its steps

K tasks, B rows, S states of the widest task, E entries of the longest action, of which a choice is one. Rows of several tasks
have states (..., S), padded with whatever, and actions (..., E) float32, in which a choice is a whole number; a model of a single
task takes and gives its actions as that task has them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from understudy.interface import Task


class TaskSpaces(nn.Module):
    """The tasks of a model.

    Args:
        tasks: K of them.

    Attributes:
        state_dims: of each.
        action_dims: choices or entries of each.
        state_width: S.
        entry_width: E.
        action_width: of predictions, the most choices or entries that a task has.
        component_names: of the components of each.
        entry_names: of the entries of each; "action" of a choice.
        alike: whether all tasks have as many components and entries.
        is_choice: (K,) bool.
        state_exists: (K, S) bool.
        entry_exists: (K, E) bool.
    """

    is_choice: Tensor
    state_exists: Tensor
    entry_exists: Tensor

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.count = len(tasks)
        self.state_dims = [task.state_dim for task in tasks]
        self.action_dims = [task.action_dim for task in tasks]
        self.discrete = [task.discrete_actions for task in tasks]
        self.component_names = [task.visible_components for task in tasks]
        self.entry_names = [("action",) if task.discrete_actions else task.environment.action_labels for task in tasks]
        entries = torch.tensor([task.num_entries for task in tasks])
        self.state_width, self.entry_width = max(self.state_dims), int(entries.max())
        self.action_width = max(self.action_dims)
        self.alike = len(set(self.state_dims)) == 1 and len(set(entries.tolist())) == 1
        exists = torch.arange(self.state_width) < torch.tensor(self.state_dims)[:, None]
        self.register_buffer("is_choice", torch.tensor(self.discrete), persistent=False)
        self.register_buffer("state_exists", exists, persistent=False)
        self.register_buffer("entry_exists", torch.arange(self.entry_width) < entries[:, None], persistent=False)

    def as_entries(self, actions: Tensor) -> Tensor:
        """Actions as entries (..., E) float32."""
        return actions[..., None].float() if self.count == 1 and self.discrete[0] else actions

    def as_actions(self, entries: Tensor) -> Tensor:
        """Entries (..., E) as the model gives actions: (...) int64 where its one task has choices."""
        return entries[..., 0].long() if self.count == 1 and self.discrete[0] else entries

    def check(self, states: Tensor, actions: Tensor, task_ids: Tensor) -> None:
        """Hold rows to the tasks: states (B, T, S), actions (B, T, ...), task_ids (B,) int64.

        Raises:
            ValueError: there is no such task, states or actions have another width, or a choice does not exist.
        """
        if task_ids.shape != states.shape[:1]:
            raise ValueError(f"task_ids: expected shape ({len(states)},), got {tuple(task_ids.shape)}")
        if len(task_ids) and not (0 <= int(task_ids.min()) and int(task_ids.max()) < self.count):
            raise ValueError(
                f"task_ids: expected from 0 to {self.count - 1}, got {int(task_ids.min())} to {int(task_ids.max())}"
            )
        if states.shape[2:] != (self.state_width,):
            raise ValueError(f"states: expected {self.state_width} entries a step, got {tuple(states.shape)}")
        entries = self.as_entries(actions)
        if entries.shape != (*states.shape[:2], self.entry_width):
            raise ValueError(
                f"actions: expected {self.entry_width} entries a step as in states, got {tuple(actions.shape)}"
            )
        for number, choices in enumerate(self.action_dims):
            own = entries[task_ids == number, :, 0]
            if self.discrete[number] and own.numel() and not (0 <= own.min() and own.max() < choices):
                raise ValueError(f"actions: expected from 0 to {choices - 1}, got {own.min():g} to {own.max():g}")


class TaskLinear(nn.Module):
    """Linear maps, one a task, each of its own sizes.

    Args:
        in_dims: numbers that each task's map takes.
        out_dims: numbers that it gives.
    """

    def __init__(self, in_dims: Sequence[int], out_dims: Sequence[int]) -> None:
        super().__init__()
        self.in_dims, self.out_dims, self.width = in_dims, out_dims, max(out_dims)
        self.maps = nn.ModuleList(nn.Linear(*sizes) for sizes in zip(in_dims, out_dims, strict=True))

    def forward(self, values: Tensor, task_ids: Tensor) -> Tensor:
        """The map of its own task of each row.

        Args:
            values: (B, ..., at least the task's own numbers); what comes after them is not read.
            task_ids: (B,) int64.

        Returns:
            (B, ..., most numbers that a map gives) float32, zero beyond the task's own.
        """
        if self._only(task_ids):
            return self._widened(int(task_ids[0]) if len(self.maps) > 1 else 0, values)
        mapped = values.new_zeros(*values.shape[:-1], self.width, dtype=torch.float32)
        for number in range(len(self.maps)):  # those without a row too, so that every weight is in the graph
            own = task_ids == number
            mapped[own] = self._widened(number, values[own]).float()
        return mapped

    def _only(self, task_ids: Tensor) -> bool:
        """Whether all rows are of one task and no gradient is asked for, as where one plays."""
        if len(self.maps) == 1:
            return True
        return not torch.is_grad_enabled() and len(task_ids) > 0 and bool((task_ids == task_ids[0]).all())

    def _widened(self, number: int, values: Tensor) -> Tensor:
        mapped: Tensor = self.maps[number](values[..., : self.in_dims[number]])
        missing = self.width - mapped.shape[-1]
        return nn.functional.pad(mapped, (0, missing)) if missing else mapped


def of_rows(values: Tensor, like: Tensor) -> Tensor:
    """Values (B, n, ...) with axes of length 1 after the rows, so that they can be laid over `like` (B, ..., n, ...)."""
    return values.reshape(len(values), *[1] * (like.ndim - values.ndim), *values.shape[1:])
