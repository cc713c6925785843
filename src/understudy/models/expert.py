"""The deterministic actor of a stable-baselines3 expert, in plain torch: playing it needs neither that library nor a pickle.

B rows, S state, A action.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.nn.heads import choose_actions, multilayer_perceptron
from understudy.nn.row_memory import RowMemory
from understudy.step import Decision, Step


class ExpertActor(nn.Module):
    """Logits over choices, or mean action vectors.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        hidden_sizes: widths of the hidden layers.
        activation: relu or tanh, between them.
        squash: whether vectors are bounded by tanh, as SAC and TD3 do; they are then normalised to the range of actions.
        discrete_actions: whether actions are choices.
    """

    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(
        self,
        state_dim: int,
        action_dim: int,
        hidden_sizes: list[int],
        activation: str,
        squash: bool,
        discrete_actions: bool,
    ) -> None:
        super().__init__()
        self.squash, self.discrete_actions = squash, discrete_actions
        self.actor = multilayer_perceptron([state_dim, *hidden_sizes, action_dim], activation)

    def forward(self, states: Tensor) -> Tensor:
        """Action predictions (..., A) for states (..., S)."""
        output = self.actor(states)
        return torch.tanh(output) if self.squash else output

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Stays in float32: small matrices gain nothing."""

    def begin(self, num_rows: int) -> RowMemory:
        """Nothing to remember."""
        return RowMemory(num_rows)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; vectors are as deterministic as the expert is judged."""
        preds = self(step.observation)
        return Decision(choose_actions(preds, None, self.discrete_actions, generator), predictions=preds)


FAMILY = ExpertActor
