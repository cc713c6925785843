"""From states and actions to tokens.

B rows, T steps, S state, A action, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from understudy.nn.row_memory import RowMemory
from understudy.nn.windows import StateWindow
from understudy.step import Step


class StateEmbedding(nn.Module):
    """A state's token, which may also carry the state's differences: with velocities hidden, they show them.

    Args:
        state_dim: S.
        embed_dim: D.
        orders: of differences, as of a StateWindow.
        difference_scale: their usual sizes, as of a StateWindow.

    Raises:
        ValueError: as of a StateWindow.
    """

    def __init__(
        self, state_dim: int, embed_dim: int, orders: int, difference_scale: Sequence[Sequence[float]] | None = None
    ) -> None:
        super().__init__()
        self.window = StateWindow(state_dim, orders, difference_scale)
        self.project = nn.Linear(self.window.width, embed_dim)

    def forward(self, states: Tensor) -> Tensor:
        """Tokens (..., T, D) of rows of states (..., T, S)."""
        return self.project(self.window(states))

    def decode_step(self, memory: RowMemory, step: Step[Tensor]) -> Tensor:
        """Tokens (B, D) of the present states, which are remembered in what `window.begin` has put into the memory."""
        return self.project(self.window.decode_step(memory, step))


class ActionEmbedding(nn.Module):
    """An executed action's token, or the learned token of an action that is dropped.

    Args:
        action_dim: choices, or A.
        embed_dim: D.
        discrete_actions: whether actions are choices.
    """

    def __init__(self, action_dim: int, embed_dim: int, discrete_actions: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(action_dim, embed_dim) if discrete_actions else nn.Linear(action_dim, embed_dim)
        self.dropped_token = nn.Parameter(torch.zeros(embed_dim))

    def forward(self, actions: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Tokens (..., D).

        Args:
            actions: (...) int64 or (..., A) float32.
            dropped: (...) bool, those to withhold; None for none.
        """
        tokens = self.embed(actions)
        if dropped is None:
            return tokens
        return torch.where(dropped[..., None].to(tokens.device), self.dropped_token, tokens)


def draw_action_dropout(shape: torch.Size, chance: float, generator: torch.Generator) -> Tensor | None:
    """Which past actions to withhold in a training batch, against learning to copy the last one.

    Args:
        shape: of the steps, (B, T).
        chance: of each.
        generator: draws on the CPU, so that a seed drops the same ones on any device.

    Returns:
        (B, T) bool on the CPU; None, with nothing drawn, where the chance is 0.
    """
    return torch.rand(shape, generator=generator, device="cpu") < chance if chance > 0 else None
