"""Returns of several tasks, for a model that acts for the return that is asked for.

B rows, K tasks, D width, N bins.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from understudy.interface import Task
from understudy.nn.return_conditioning import (
    DEFAULT_TARGET,
    ReturnDistribution,
    ReturnEmbedding,
    TargetReturn,
    add_reward,
    checked_kappa,
    resolve_target,
)
from understudy.nn.row_memory import RowMemory
from understudy.step import Step


class TaskReturns(nn.Module):
    """The token of a return-to-go, which means the same in every task, since each task has its own scale, and what is asked for.

    Args:
        tasks: K of them.
        embed_dim: D.
        num_bins: N, of the distribution that `target_return: expert` needs; 0 for none.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, tasks: Sequence[Task], embed_dim: int, num_bins: int) -> None:
        super().__init__()
        self.quantiles = [task.return_quantiles for task in tasks]
        self.embed = ReturnEmbedding(embed_dim)
        self.distribution = ReturnDistribution(embed_dim, num_bins) if num_bins else None
        for name in ("mean", "std"):
            scale = torch.tensor([getattr(task.scales, f"return_{name}") for task in tasks])
            self.register_buffer(name, scale, persistent=False)  # (K,)

    def settings(self, target_return: TargetReturn | None, kappa: float) -> dict[str, Any]:
        """How rows play: `targets`, a raw return for each task, or `kappa`, for an expert.

        Args:
            target_return: a raw return, the same in every task; {"quantile": q}, of each task's training returns; "expert"; None
                for DEFAULT_TARGET.
            kappa: how much of an expert.

        Raises:
            ValueError: the target or kappa is not finite, kappa is below 0, nothing is known of the training returns, or "expert"
                where no distribution was learned.
        """
        if isinstance(target_return, str):
            if self.distribution is None:
                raise ValueError("target_return: expected a number or a quantile, since return_bins is 0, got 'expert'")
            return {"kappa": checked_kappa(kappa)}
        target = DEFAULT_TARGET if target_return is None else target_return
        if isinstance(target, float | int):
            # Rows may be of any task: a number is outside of what was learned where it is so in all of them.
            known = [quantiles for quantiles in self.quantiles if quantiles]
            reach = (min(each[0] for each in known), max(each[-1] for each in known)) if known else ()
            return {"targets": [resolve_target(target, reach)] * len(self.quantiles)}
        return {"targets": [resolve_target(target, quantiles) for quantiles in self.quantiles]}

    def still_wanted(self, memory: RowMemory, step: Step[Tensor]) -> Tensor | None:
        """Normalised returns-to-go (B,), each row's target less what it was paid, by its task's scale; None for an expert."""
        paid, task_ids = add_reward(memory, step), memory.task_ids
        if "targets" not in memory.settings:
            return None
        targets = torch.tensor(memory.settings["targets"], device=paid.device)[task_ids]
        return (targets - paid - self.mean[task_ids]) / self.std[task_ids]
