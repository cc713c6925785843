"""The deterministic actor of a stable-baselines3 expert, in plain torch: playing it needs neither that library nor a pickle.

B rows, S state, A action.
"""

import torch
from torch import Tensor, nn

from understudy.nn.cache import PlayState
from understudy.nn.heads import multilayer_perceptron


class ExpertActor(nn.Module):
    """Logits over choices, or mean action vectors; `squash` bounds them by tanh and stretches them to the action range.

    Args:
        state_dim: S. action_dim: A. hidden_sizes, activation: of the hidden layers. squash: as SAC and TD3 do.
        discrete_actions: whether actions are choices.
    """

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
        self.squash = squash
        self.discrete_actions = discrete_actions
        self.actor = multilayer_perceptron([state_dim, *hidden_sizes, action_dim], activation)
        if squash:
            self.register_buffer("middle", torch.zeros(action_dim))
            self.register_buffer("half_range", torch.ones(action_dim))

    def forward(self, states: Tensor) -> Tensor:
        """Action predictions (..., A) for states (..., S)."""
        output = self.actor(states)
        return self.middle + self.half_range * torch.tanh(output) if self.squash else output

    def new_state(self, num_rows: int) -> PlayState:
        """Nothing to remember."""
        return PlayState(num_rows)

    def step(self, state: PlayState, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        """Action predictions (B, A) for the present states (B, S); as deterministic as the expert is judged."""
        preds = self(observations)
        return preds, None if self.discrete_actions else torch.full_like(preds, -torch.inf)

    def acted(self, state: PlayState, actions: Tensor) -> None:
        """Take note of the executed actions: a memoryless policy takes none."""


FAMILY = ExpertActor
