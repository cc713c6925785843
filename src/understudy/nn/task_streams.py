"""The steps of several tasks as one stream of tokens, the step's return-to-go among them where a model is told it.

TaskStream -- embeds whole rows, and decodes the present step

B rows, T steps, S states, E entries of an action, D width; M = O + R + N tokens a step: O of what is observed, R of the return, 1
where it is told, else 0, N of the action.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.row_memory import RowMemory
from understudy.nn.task_returns import TaskReturns
from understudy.nn.task_tokens import TaskTokens
from understudy.nn.trunk import Trunk
from understudy.step import Step


@dataclass(frozen=True)
class TaskStream:
    """Puts a model's tokens and returns in order; it has no weights of its own, so that the model names them as ever.

    Attributes:
        tokens: of what is observed and done.
        returns: what a return-to-go is as a token; None where none is told.
    """

    tokens: TaskTokens
    returns: TaskReturns | None

    @property
    def tokens_per_step(self) -> int:
        """M."""
        return self.tokens.num_observed + (self.returns is not None) + self.tokens.num_entries

    def embed(
        self,
        states: Tensor,
        entries: Tensor,
        task_ids: Tensor,
        *,
        dropped: Tensor | None = None,
        returns_to_go: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Tokens (B, T M, D) of rows, the step (T M,) of each, and which of them exist (B, T M); None where all do.

        Args:
            states: (B, T, S).
            entries: (B, T, E).
            task_ids: (B,) int64.
            dropped: (B, T) bool, actions that are withheld.
            returns_to_go: (B, T), where they are told.
        """
        length = states.shape[1]
        tokens = [self.tokens.observed(states, task_ids), self.tokens.acted(entries, task_ids, dropped)]
        if self.returns is not None:
            assert returns_to_go is not None
            tokens.insert(1, self.returns.embed(returns_to_go)[..., None, :])
        steps = torch.arange(length, device=states.device).repeat_interleave(self.tokens_per_step)
        exists = self.exist(task_ids)
        real = None if exists is None else exists.repeat(1, length)
        return torch.cat(tokens, dim=2).flatten(1, 2), steps, real

    def decode_step(self, trunk: Trunk, memory: RowMemory, step: Step[Tensor], previous: Tensor) -> Tensor:
        """Features (B, D) of the token that the present action is predicted from; it and all before it join the cache.

        Args:
            trunk: of the model.
            memory: of the rows.
            step: what is observed now, and what was paid.
            previous: (B, E), the entries of the last actions.
        """
        task_ids, count = memory.task_ids, self.tokens.num_observed
        acted = self.tokens.acted(previous, task_ids)
        tokens = torch.cat([acted, self.tokens.observed(step.observation, task_ids)], dim=1)  # (B, N + O, D)
        exists = self.exist(task_ids)
        if exists is not None:
            exists = exists.roll(self.tokens.num_entries, dims=1)  # the last step's action comes first
        offsets = (1,) * self.tokens.num_entries + (0,) * count
        if self.returns is None:
            return trunk.decode_step(tokens, offsets, memory.kv_cache, exists, in_order=True)
        wanted = self.returns.still_wanted(memory, step)
        if wanted is None:
            assert self.returns.distribution is not None
            before = None if exists is None else exists[:, :-1]
            told = trunk.decode_step(tokens, offsets, memory.kv_cache, before, in_order=True)
            wanted = self.returns.distribution.expert(told, memory.settings["kappa"])
            tokens, offsets, exists = tokens[:, :0], (), None
        tokens = torch.cat([tokens, self.returns.embed(wanted)[:, None]], dim=1)
        return trunk.decode_step(tokens, (*offsets, 0), memory.kv_cache, exists, in_order=True)

    def exist(self, task_ids: Tensor) -> Tensor | None:
        """Which tokens (B, M) bool there are of a row's step; None where every task has all."""
        exists = self.tokens.exist(task_ids)
        if exists is None or self.returns is None:
            return exists
        observed, acted = exists.split([self.tokens.num_observed, self.tokens.num_entries], dim=1)
        return torch.cat([observed, torch.ones_like(acted[:, :1]), acted], dim=1)
