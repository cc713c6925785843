"""Point estimates and bootstrap intervals of returns.

E episodes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: percentile bootstrap over episodes, with this many resamples and this confidence."""

    resamples: int
    confidence: float
    seed: int

    def interval(self, statistic: Callable[..., np.ndarray], *samples: np.ndarray) -> Interval:
        """Interval of `statistic(*samples, axis)` for samples (E,), which are resampled together, pair by pair."""
        result = stats.bootstrap(
            samples,
            statistic,
            n_resamples=self.resamples,
            confidence_level=self.confidence,
            paired=True,
            method="percentile",
            batch=1000,
            rng=np.random.default_rng(self.seed),
        )
        return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of values (E,); Agarwal et al. (2021) advise it, being robust and efficient."""
    return float(stats.trim_mean(values, 0.25))


def normalised_score(policy: np.ndarray, expert: np.ndarray, random: np.ndarray, axis: int = -1) -> np.ndarray:
    """(policy - random) / (expert - random) of the mean returns, (..., E) -> (...): 1 is the expert, 0 the random actor."""
    floor = random.mean(axis=axis)
    return (policy.mean(axis=axis) - floor) / (expert.mean(axis=axis) - floor)
