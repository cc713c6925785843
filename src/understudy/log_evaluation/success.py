"""Will this run succeed: AUROC and Brier score of outcomes that are expected, with intervals over tasks.

aurocs(expected, outcomes, weights), briers(...)  -- under many weightings of the runs at once
SuccessJudge                                      -- `describe(expected, other)`: numbers, intervals, differences

E runs, K training seeds, R weightings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.log_evaluation.intervals import TaskBootstrap

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def aurocs(expected: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Chance that of a success and a failure the success was expected more, a tie counting one half, (R,).

    Args:
        expected: (E,).
        outcomes: (E,), 1 or 0.
        weights: (R, E), of the runs; NaN comes of a weighting of one outcome alone.
    """
    good, bad = outcomes == 1, outcomes == 0
    more = np.sign(expected[good][:, None] - expected[bad][None]) / 2 + 0.5  # (successes, failures)
    pairs = weights[:, good].sum(axis=1) * weights[:, bad].sum(axis=1)
    won = ((weights[:, good] @ more) * weights[:, bad]).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def briers(expected: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean squared distance of the outcome from what of `expected` is a probability, (R,); arguments as in `aurocs`."""
    squared = np.square(np.clip(expected, 0, 1) - outcomes)
    total = weights.sum(axis=1)
    return np.divide(weights @ squared, total, out=np.full(len(weights), np.nan), where=total > 0)


SCORES: Mapping[str, Score] = {"auroc": aurocs, "brier": briers}


@dataclass(frozen=True)
class SuccessJudge:
    """Judges what is expected of the runs whose outcome is known to be a success or a failure.

    Attributes:
        outcomes: (E,), NaN where none is known.
        tasks: (E,) int64, the task of each run.
        bootstrap: over the tasks.
    """

    outcomes: np.ndarray
    tasks: np.ndarray
    bootstrap: TaskBootstrap

    @property
    def known(self) -> np.ndarray:
        """(E,) bool, runs that count."""
        return np.isin(self.outcomes, (0.0, 1.0))

    def describe(self, expected: np.ndarray, other: np.ndarray) -> dict[str, Any]:
        """`auroc` and `brier`: means over seeds, intervals, and differences from those of `other`; {} where all runs end alike.

        Args:
            expected: (K, E) outcomes.
            other: (L, E), a baseline's.
        """
        known = self.known
        if len(np.unique(self.outcomes[known])) < 2:
            return {}
        found: dict[str, Any] = {}
        for name in SCORES:
            (mean, draws), (other_mean, other_draws) = (self._scores(name, each) for each in (expected, other))
            for key, value, drawn in (
                (name, mean, draws),
                (f"{name}_difference", mean - other_mean, draws - other_draws),
            ):
                interval = self.bootstrap.interval(drawn)
                found |= {key: value, f"{key}_ci_low": interval.low, f"{key}_ci_high": interval.high}
        return found

    def _scores(self, name: str, expected: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean over seeds, and (resamples,) such means of drawn tasks and seeds."""
        known = self.known
        outcomes, once = self.outcomes[known], np.ones((1, int(known.sum())))
        weights = self.bootstrap.draw_tasks()[:, self.tasks[known]].astype(np.float64)
        of_seeds = np.stack([SCORES[name](each[known], outcomes, weights) for each in expected], axis=1)
        mean = np.mean([SCORES[name](each[known], outcomes, once)[0] for each in expected])
        return float(mean), (of_seeds * self.bootstrap.draw_seeds(len(expected))).sum(axis=1)
