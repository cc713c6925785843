"""The memoryless baseline: an action from the present state alone.

B rows, T steps, S state, A action.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.nn.cache import PlayState
from understudy.nn.heads import MOST_LAYERS, ActionBounds, ActionHead, ActionRange, ValueHead, multilayer_perceptron
from understudy.sequences.batch import Batch


class MultilayerPerceptron(nn.Module):
    """Hidden layers of width `hidden_dim`, then an action head and a value head.

    Args:
        state_dim: S. action_dim: choices, or entries of an action vector. hidden_dim, num_layers: of the hidden layers.
        discrete_actions: whether actions are choices. continuous_loss, action_bounds: as in ActionTransformer.
    """

    def __init__(
        self,
        state_dim: int,
        action_dim: int,
        hidden_dim: int,
        num_layers: int,
        discrete_actions: bool,
        *,
        continuous_loss: Literal["nll", "mse"] = "nll",
        action_bounds: ActionBounds | None = None,
    ) -> None:
        super().__init__()
        if num_layers < 1 or hidden_dim < 1:
            raise ValueError(f"num_layers, hidden_dim: expected at least 1 each, got {num_layers} and {hidden_dim}")
        if num_layers > MOST_LAYERS:
            raise ValueError(f"num_layers: expected at most {MOST_LAYERS}, got {num_layers}")
        self.body = multilayer_perceptron([state_dim] + [hidden_dim] * num_layers, "relu")
        action_range = None if action_bounds is None else ActionRange(action_dim, action_bounds)
        self.action_head = ActionHead(hidden_dim, action_dim, discrete_actions, continuous_loss, action_range)
        self.value_head = ValueHead(hidden_dim)
        self.loss = ActionPredictionLoss(discrete_actions, continuous_loss, action_bounds)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Action predictions (..., A), logits or means, and values (...) for states (..., S)."""
        hidden = torch.relu(self.body(states))
        return self.action_head(hidden)[0], self.value_head(hidden)

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """The loss terms of a batch and the action predictions (B, T, A); nothing here is random."""
        hidden = torch.relu(self.body(batch.states))
        preds, log_std = self.action_head(hidden)
        terms = {
            "action": self.loss.action_loss(preds, log_std, batch.labels, batch.mask),
            "value": self.loss.value_loss(self.value_head(hidden), batch.returns_to_go, batch.value_mask),
        }
        return terms, preds

    def new_state(self, num_rows: int) -> PlayState:
        """Nothing to remember."""
        return PlayState(num_rows)

    def step(self, state: PlayState, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        """Action predictions (B, A) for the present states (B, S), with log standard deviations where continuous."""
        return self.action_head(torch.relu(self.body(observations)))

    def acted(self, state: PlayState, actions: Tensor) -> None:
        """Take note of the executed actions: a memoryless policy takes none."""


FAMILY = MultilayerPerceptron
