"""RvS, reinforcement learning via supervised learning (Emmons et al., 2021): a perceptron that is told which return is to come.

The Decision Transformer's counterpart without attention. It is told the return-to-go, where the paper divides that by the steps
that are left.

B rows, T steps, S state, A action.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.family import Losses, LossTerm
from understudy.nn.heads import ActionHead, multilayer_perceptron
from understudy.nn.return_conditioning import DEFAULT_TARGET, Quantile, add_reward, check_paid, resolve_target
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_sizes
from understudy.nn.windows import StateWindow
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class ReturnConditionedPerceptron(nn.Module):
    """Hidden layers over state and return-to-go, then an action head.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        hidden_dim: width of the hidden layers.
        num_layers: how many there are.
        discrete_actions: whether actions are choices.
        return_scale: mean and standard deviation of raw returns-to-go.
        return_quantiles: of the training episodes' raw returns, ascending.
        continuous_loss: of action vectors, "nll" with a learned, state-dependent standard deviation, or "mse".
        state_differences: how many orders of the state's differences it sees beside the state; the first is the change since the
            step before.
        difference_scale: a row (S,) an order, usual sizes of a normalised state's differences; None for one.

    Raises:
        ValueError: a size is below 1, or there are more than 3 orders.
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
        return_scale: tuple[float, float],
        return_quantiles: tuple[float, ...] = (),
        continuous_loss: Literal["nll", "mse", "similarity"] = "nll",
        state_differences: int = 0,
        difference_scale: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim, hidden_dim=hidden_dim, num_layers=num_layers)
        self.return_mean, self.return_std = return_scale
        self.return_quantiles = return_quantiles
        self.window = StateWindow(state_dim, state_differences, difference_scale)
        self.burn_in = self.window.burn_in
        self.body = multilayer_perceptron([self.window.width + 1] + [hidden_dim] * num_layers, "relu")
        self.action_head = ActionHead(hidden_dim, action_dim, discrete_actions, continuous_loss)
        self.loss = ActionPredictionLoss(discrete_actions, continuous_loss)

    def forward(self, states: Tensor, returns_to_go: Tensor) -> tuple[Tensor, Tensor | None]:
        """Action predictions (..., A), and log standard deviations or None.

        Args:
            states: (..., S) float32; where differences are seen, (..., T, S), rows of steps that follow one another.
            returns_to_go: (...) float32, normalised.
        """
        return self._predict(self.window(states), returns_to_go)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured.

        Raises:
            DataError: nothing is ever paid, so that all returns are the same.
        """
        check_paid(steps, "rvs")

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation; nothing here is random."""
        preds, log_std = self(batch["observation"], batch["return_to_go"])
        action = self.loss.action_loss(preds, log_std, batch["label"], batch.mask)
        return Losses({"action": LossTerm(action, batch.mask)}, preds)

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Stays in float32: small matrices gain nothing."""

    def begin(self, num_rows: int, *, target_return: float | Quantile = DEFAULT_TARGET) -> RowMemory:
        """What each row has been paid, and its last states where their differences are seen.

        Args:
            num_rows: B.
            target_return: what to act for: a raw return, or {"quantile": q}, the return below which a share q of the training
                episodes lies.

        Raises:
            ValueError: the target is not finite.
        """
        settings = {"target": resolve_target(target_return, self.return_quantiles)}
        tensors = {"reward_so_far": torch.zeros(num_rows), **self.window.begin(num_rows)}
        return RowMemory(num_rows, tensors, settings=settings)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states and what is left of the target."""
        returns_to_go = (memory.settings["target"] - add_reward(memory, step) - self.return_mean) / self.return_std
        preds, log_std = self._predict(self.window.decode_step(memory, step), returns_to_go)
        return Decision(self.action_head.choose(preds, log_std, generator), predictions=preds)

    def _predict(self, features: Tensor, returns_to_go: Tensor) -> tuple[Tensor, Tensor | None]:
        """As `forward`, from a state's features (..., (K + 1) * S)."""
        return self.action_head(torch.relu(self.body(torch.cat([features, returns_to_go[..., None]], dim=-1))))


FAMILY = ReturnConditionedPerceptron
