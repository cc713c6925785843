"""From states and actions to tokens.

B rows, T steps, S state, A action, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class StateEmbedding(nn.Module):
    """A state's token, which may also carry the change since the step before: with velocities hidden, that shows them.

    Args:
        state_dim: S.
        embed_dim: D.
        differences: whether tokens carry the change.
        difference_scale: (S,) the size that a change usually has, since it is much smaller than the state; None for one.

    Raises:
        ValueError: difference_scale has another number of entries.
    """

    difference_scale: Tensor

    def __init__(
        self, state_dim: int, embed_dim: int, differences: bool, difference_scale: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self.differences = differences
        scale = torch.ones(state_dim) if difference_scale is None else torch.tensor(difference_scale)
        if scale.shape != (state_dim,):
            raise ValueError(f"difference_scale: expected {state_dim} numbers, got {len(scale)}")
        self.register_buffer("difference_scale", scale, persistent=False)
        self.project = nn.Linear(2 * state_dim if differences else state_dim, embed_dim)

    def forward(self, states: Tensor, previous: Tensor) -> Tensor:
        """Tokens (..., D).

        Args:
            states: (..., S) float32.
            previous: (..., S), the states a step before; the same as `states` at an episode's start.
        """
        if not self.differences:
            return self.project(states)
        return self.project(torch.cat([states, (states - previous) / self.difference_scale], dim=-1))


def previous_states(states: Tensor) -> Tensor:
    """States (B, T, S) moved one step on; the first step counts as its own predecessor."""
    return torch.cat([states[:, :1], states[:, :-1]], dim=1)


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
