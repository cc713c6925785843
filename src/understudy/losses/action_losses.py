"""Losses of predicted actions and values, averaged over the real steps alone.

B rows, T steps, A action. Rows may have further axes in front, such as agents.
"""

import math

import torch
from torch import Size, Tensor
from torch.nn import functional

from understudy.losses.masking import masked_mean

CONTINUOUS_LOSSES = ("nll", "mse", "similarity")


def cross_entropy_by_step(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax(logits)[target] in nats, (B, T); logits (B, T, A), targets (B, T) int64."""
    losses = functional.cross_entropy(logits.float().flatten(0, -2), targets.flatten(), reduction="none")
    return losses.view(targets.shape)


def gaussian_nll(mean: Tensor, log_std: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean of -log N(target; mean, exp(log_std)^2), summed over action dimensions, in nats; all (B, T, A)."""
    squared = ((targets - mean) * (-log_std).exp()).square()
    losses = (0.5 * squared + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)
    return masked_mean(losses, mask)


def in_batch_cross_entropy(preds: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean of -log softmax_j(<preds_i, targets_j>)[i] in nats over the N steps that count; preds and targets (B, T, A).

    The other steps' targets are the negatives, but for those that are the very same: the loss of StarSpace (Wu et al., 2017) as
    in TED (Vlasov et al., 2019).
    """
    counted, others = preds[mask].float(), targets[mask]
    _, which = torch.unique(others, dim=0, return_inverse=True)
    same = (which[:, None] == which) & ~torch.eye(len(which), dtype=torch.bool, device=which.device)
    logits = (counted @ others.T).masked_fill(same, -math.inf)
    right = torch.arange(len(which), device=which.device)
    return functional.cross_entropy(logits, right, reduction="sum") / max(len(which), 1)


def mean_squared_error(predictions: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error; predictions and targets (B, T)."""
    return masked_mean((predictions.float() - targets).square(), mask)


class ActionPredictionLoss:
    """The losses of a model that predicts actions and values; mask (B, T) bool is true at the steps that count.

    Args:
        discrete_actions: whether actions are choices.
        continuous_loss: what `action_loss` is for action vectors: "nll", a Gaussian's negative log-likelihood, "mse", or
            "similarity": which of the batch's action vectors it was, told by their inner products with what is predicted.

    Raises:
        ValueError: a discrete loss is asked of continuous actions, or the other way round, an unknown loss, or targets of
            another shape than the predictions, which would be stretched to it.
    """

    def __init__(self, discrete_actions: bool, continuous_loss: str = "nll") -> None:
        if continuous_loss not in CONTINUOUS_LOSSES:
            raise ValueError(
                f"continuous_loss: expected one of {', '.join(CONTINUOUS_LOSSES)}, got {continuous_loss!r}"
            )
        self.discrete_actions, self.continuous_loss = discrete_actions, continuous_loss

    def discrete_action_loss(self, preds: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Cross entropy of logits (B, T, A) and choices (B, T) int64."""
        if not self.discrete_actions:
            raise ValueError("discrete_action_loss: expected discrete_actions=True, got False")
        _check_shape(targets, preds.shape[:-1])
        return masked_mean(cross_entropy_by_step(preds, targets), mask)

    def continuous_action_loss(
        self, preds: Tensor, targets: Tensor, mask: Tensor, log_std: Tensor | None = None
    ) -> Tensor:
        """Squared error of means (B, T, A), averaged over dimensions; with `log_std` the Gaussian's negative log-likelihood."""
        if self.discrete_actions:
            raise ValueError("continuous_action_loss: expected discrete_actions=False, got True")
        _check_shape(targets, preds.shape)
        if log_std is not None:
            return gaussian_nll(preds, log_std, targets, mask)
        return masked_mean((preds - targets).square().mean(-1), mask)

    def action_loss(self, preds: Tensor, log_std: Tensor | None, targets: Tensor, mask: Tensor) -> Tensor:
        """The loss of either kind of action, of action vectors the one that `continuous_loss` names."""
        if self.discrete_actions:
            return self.discrete_action_loss(preds, targets, mask)
        if self.continuous_loss == "similarity":
            _check_shape(targets, preds.shape)
            return in_batch_cross_entropy(preds, targets, mask)
        return self.continuous_action_loss(preds, targets, mask, log_std if self.continuous_loss == "nll" else None)

    def value_loss(self, values: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error of values (B, T)."""
        _check_shape(targets, values.shape)
        return mean_squared_error(values, targets, mask)


def _check_shape(targets: Tensor, expected: Size) -> None:
    if targets.shape != expected:
        raise ValueError(f"targets: expected shape {tuple(expected)}, got {tuple(targets.shape)}")
