"""When two normalised actions count as the same."""

import torch
from torch import Tensor

from understudy.interface import Task


def agree(task: Task, actions: Tensor, others: Tensor) -> Tensor:
    """Whether normalised actions (..., ) or (..., A) on the CPU are the same, as the environment judges raw ones, (...) bool."""
    one, other = (task.unnormalize_actions(each.numpy()) for each in (actions, others))
    return torch.from_numpy(task.environment.agree(one, other))
