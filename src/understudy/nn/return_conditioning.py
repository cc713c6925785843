"""Acting for a return that is asked for: which one that is, and what is left of it.

TargetReturn, DEFAULT_TARGET          -- what a `play:` block may ask for
resolve_target(target, quantiles)     -- the return that it stands for
checked_kappa(kappa)                  -- how much of an expert, where that is what is asked for
check_paid(steps, family)             -- that there are returns to learn from
add_reward(memory, step)              -- counts what the rows have been paid
ReturnEmbedding, ReturnDistribution   -- a return-to-go as a token, and as a prediction

B rows, D width, N bins. Returns-to-go are raw at play and normalised in the model.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from understudy.errors import DataError
from understudy.nn.row_memory import RowMemory
from understudy.step import Step

Quantile = Mapping[Literal["quantile"], float]
TargetReturn = float | Literal["expert"] | Quantile
DEFAULT_TARGET: Quantile = {"quantile": 0.9}
LOW, HIGH = -4.0, 4.0  # normalised returns-to-go between which the bins lie; those beyond count for the outermost ones


def resolve_target(target: float | Quantile, quantiles: Sequence[float]) -> float:
    """The raw return that a number, or a share of the training episodes' returns, asks for.

    A number outside of what the training episodes returned is a warning with the range: nothing was learned there.

    Args:
        target: a raw return, or {"quantile": q}, the return below which a share q of the training episodes lies.
        quantiles: of the training episodes' raw returns, ascending, evenly spaced.

    Raises:
        ValueError: the number is not finite, the share is not from 0 to 1, or nothing is known of the training returns.
    """
    if isinstance(target, Mapping):
        share = target.get("quantile", math.nan)
        if not 0 <= share <= 1:
            raise ValueError(f"target_return: expected a quantile from 0 to 1, got {dict(target)}")
        if not quantiles:
            raise ValueError(
                "target_return: expected a number, since nothing is known of the training returns, got a quantile"
            )
        place = share * (len(quantiles) - 1)
        below, above = quantiles[math.floor(place)], quantiles[math.ceil(place)]
        return below + (above - below) * (place - math.floor(place))
    if not math.isfinite(target):
        raise ValueError(f"target_return: expected a finite number, got {target}")
    if quantiles and not quantiles[0] <= target <= quantiles[-1]:
        warnings.warn(
            f"target_return: {target:g} is outside of what the training episodes returned,"
            f" {quantiles[0]:g} to {quantiles[-1]:g}",
            stacklevel=3,
        )
    return float(target)


def checked_kappa(kappa: float) -> float:
    """Kappa of `ReturnDistribution.expert`.

    Raises:
        ValueError: it is not finite, or below 0.
    """
    if not 0 <= kappa < math.inf:
        raise ValueError(f"kappa: expected a finite number from 0, got {kappa}")
    return kappa


def check_paid(steps: Mapping[str, Tensor], family: str) -> None:
    """Hold the training steps of a family that learns from returns against having any.

    Raises:
        DataError: all rewards are zero.
    """
    if not steps["reward"].any():
        raise DataError(f"{family}: expected recordings with rewards, whose returns it is told, got zeros alone")


def add_reward(memory: RowMemory, step: Step[Tensor]) -> Tensor:
    """Raw reward (B,) that each row has been paid in its episode so far, the last step's counted."""
    memory.tensors["reward_so_far"] = memory.tensors["reward_so_far"] + step.previous_reward
    return memory.tensors["reward_so_far"]


class ReturnEmbedding(nn.Module):
    """A return-to-go's token.

    Args:
        embed_dim: D.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(1, embed_dim)

    def forward(self, returns_to_go: Tensor) -> Tensor:
        """Tokens (..., D) of normalised returns-to-go (...)."""
        return self.project(returns_to_go[..., None])


class ReturnDistribution(nn.Module):
    """Which return is still to come, over N bins of equal width, and which of them an expert would have.

    Args:
        embed_dim: D.
        num_bins: N.
    """

    centres: Tensor

    def __init__(self, embed_dim: int, num_bins: int) -> None:
        super().__init__()
        self.predict = nn.Linear(embed_dim, num_bins)
        width = (HIGH - LOW) / num_bins
        self.register_buffer("centres", LOW + width * (torch.arange(num_bins) + 0.5), persistent=False)

    def bins(self, returns_to_go: Tensor) -> Tensor:
        """In which bin, (...) int64, each of these normalised returns-to-go (...) lies."""
        count = len(self.centres)
        return ((returns_to_go - LOW) / (HIGH - LOW) * count).long().clamp(0, count - 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (..., N) of the bins, from features (..., D) of what comes before the return's token."""
        return self.predict(features)

    def expert(self, features: Tensor, kappa: float) -> Tensor:
        """The likeliest normalised return-to-go (B,) of an expert.

        log p(R | expert, ...) is log p(R | ...) + kappa (R - low) / (high - low) and a constant: Multi-Game Decision
        Transformers (Lee et al., 2022), equation 2. They draw from it; the likeliest is the same for the same seed.
        """
        tilted = self(features).log_softmax(-1) + kappa * (self.centres - LOW) / (HIGH - LOW)  # (B, N)
        return self.centres[tilted.argmax(-1)]
