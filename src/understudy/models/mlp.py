"""The baseline without a memory of its own: an action from the present state, and from its differences where that is asked for.

B rows, T steps, S state, A action, D hidden_dim.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.family import Losses, LossTerm
from understudy.nn.heads import MOST_LAYERS, ActionHead, ValueHead, multilayer_perceptron
from understudy.nn.row_memory import RowMemory
from understudy.nn.windows import StateWindow
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class MultilayerPerceptron(nn.Module):
    """Hidden layers, then an action head and a value head.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        hidden_dim: width of the hidden layers.
        num_layers: how many there are.
        discrete_actions: whether actions are choices.
        continuous_loss: of action vectors, "nll" with a learned, state-dependent standard deviation, or "mse".
        value_weight: weight of the value's squared error beside the imitation's loss.
        state_differences: how many orders of the state's differences it sees beside the state; the first is the change since the
            step before.
        difference_scale: a row (S,) an order, usual sizes of a normalised state's differences; None for one.

    Raises:
        ValueError: a size is below 1, or there are more than 1000 layers or 3 orders.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"observation", "label", "return_to_go"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    look_ahead = 0
    max_seq_len = None

    def __init__(
        self,
        state_dim: int,
        action_dim: int,
        hidden_dim: int,
        num_layers: int,
        discrete_actions: bool,
        *,
        continuous_loss: Literal["nll", "mse", "similarity"] = "nll",
        value_weight: float = 0.1,
        state_differences: int = 0,
        difference_scale: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        if num_layers < 1 or hidden_dim < 1:
            raise ValueError(f"num_layers, hidden_dim: expected at least 1 each, got {num_layers} and {hidden_dim}")
        if num_layers > MOST_LAYERS:
            raise ValueError(f"num_layers: expected at most {MOST_LAYERS}, got {num_layers}")
        self.window = StateWindow(state_dim, state_differences, difference_scale)
        self.burn_in = self.window.burn_in
        self.body = multilayer_perceptron([self.window.width] + [hidden_dim] * num_layers, "relu")
        self.action_head = ActionHead(hidden_dim, action_dim, discrete_actions, continuous_loss)
        self.value_head = ValueHead(hidden_dim)
        self.loss = ActionPredictionLoss(discrete_actions, continuous_loss)
        self.value_weight = value_weight

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Action predictions (..., A), logits or means, and values (...).

        Args:
            states: (..., S) float32; where differences are seen, (..., T, S), rows of steps that follow one another.
        """
        features = self._features(states)
        return self.action_head(features)[0], self.value_head(features)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation and value; nothing here is random."""
        features = self._features(batch["observation"])
        preds, log_std = self.action_head(features)
        action = self.loss.action_loss(preds, log_std, batch["label"], batch.mask)
        value = self.loss.value_loss(self.value_head(features), batch["return_to_go"], batch.value_mask)
        terms = {
            "action": LossTerm(action, batch.mask),
            "value": LossTerm(value, batch.value_mask, self.value_weight),
        }
        return Losses(terms, preds)

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Stays in float32: small matrices gain nothing."""

    def begin(self, num_rows: int) -> RowMemory:
        """Each row's last states where their differences are seen."""
        return RowMemory(num_rows, self.window.begin(num_rows))

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states."""
        preds, log_std = self.action_head(torch.relu(self.body(self.window.decode_step(memory, step))))
        return Decision(self.action_head.choose(preds, log_std, generator), predictions=preds)

    def _features(self, states: Tensor) -> Tensor:
        """What actions and values are predicted from, (..., D)."""
        return torch.relu(self.body(self.window(states)))


FAMILY = MultilayerPerceptron
