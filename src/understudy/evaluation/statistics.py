"""Point estimates and bootstrap intervals of returns.

R training seeds, E episodes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES_AT_ONCE = 1000


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: percentile bootstrap over episodes, and over training seeds where there are several.

    Attributes:
        resamples: how many.
        confidence: of the interval.
        seed: of the draws.
    """

    resamples: int
    confidence: float
    seed: int

    def interval(self, statistic: Callable[..., np.ndarray], *samples: np.ndarray) -> Interval:
        """Interval of `statistic(*means, axis)`, where means (..., E) are those of samples (R, E) over their training seeds.

        Episodes are resampled together, pair by pair; training seeds, of which samples may have different numbers, each on its
        own, stratified by sample (Agarwal et al., 2021).
        """
        if all(len(sample) == 1 for sample in samples):
            return self._over_episodes(statistic, *(sample[0] for sample in samples))
        generator = np.random.default_rng(self.seed)
        values = []
        for begin in range(0, self.resamples, RESAMPLES_AT_ONCE):
            count = min(RESAMPLES_AT_ONCE, self.resamples - begin)
            episodes = generator.integers(samples[0].shape[1], size=(count, 1, samples[0].shape[1]))
            means = []
            for sample in samples:
                seeds = generator.integers(len(sample), size=(count, len(sample), 1))
                means.append(sample[seeds, episodes].mean(axis=1))  # (count, E)
            values.append(statistic(*means, axis=-1))
        tail = 100 * (1 - self.confidence) / 2
        low, high = np.percentile(np.concatenate(values), [tail, 100 - tail])
        return Interval(float(low), float(high))

    def _over_episodes(self, statistic: Callable[..., np.ndarray], *samples: np.ndarray) -> Interval:
        result = stats.bootstrap(
            samples,
            statistic,
            n_resamples=self.resamples,
            confidence_level=self.confidence,
            paired=True,
            vectorized=True,
            method="percentile",
            batch=RESAMPLES_AT_ONCE,
            rng=np.random.default_rng(self.seed),
        )
        return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of values (N,); Agarwal et al. (2021) advise it, being robust and efficient."""
    return float(stats.trim_mean(values, 0.25))


def normalised_score(policy: np.ndarray, expert: np.ndarray, random: np.ndarray, axis: int = -1) -> np.ndarray:
    """(policy - random) / (expert - random) of the mean returns, (..., E) -> (...): 1 is the expert, 0 the random actor."""
    floor = random.mean(axis=axis)
    return (policy.mean(axis=axis) - floor) / (expert.mean(axis=axis) - floor)
