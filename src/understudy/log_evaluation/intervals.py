"""Intervals by bootstrap over tasks, and over training seeds where there are several.

TaskBootstrap -- `share(right, counted)` and `difference(right, other, counted)`, and the draws for other statistics

K training seeds, N steps, G tasks.
"""

from dataclasses import dataclass

import numpy as np

from understudy.evaluation.statistics import Interval


@dataclass(frozen=True)
class TaskBootstrap:
    """Percentile bootstrap: tasks are drawn with all their steps, since those of a task are alike.

    Attributes:
        tasks: (N,) int64, the task of each step.
        resamples: how many.
        confidence: of the interval.
        seed: of the draws.
    """

    tasks: np.ndarray
    resamples: int
    confidence: float
    seed: int

    def share(self, right: np.ndarray, counted: np.ndarray) -> Interval:
        """Interval of the share of `right` (K, N) bool among the steps `counted` (N,) bool."""
        return self.interval(self._draws(right, counted))

    def difference(self, right: np.ndarray, other: np.ndarray, counted: np.ndarray) -> Interval:
        """Interval of the difference of two shares, (K, N) and (L, N), on the same draws of tasks."""
        return self.interval(self._draws(right, counted) - self._draws(other, counted))

    def _draws(self, right: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """(resamples,) shares; the tasks of each draw depend on the seed alone, so that pairs are of the same tasks."""
        drawn = self.draw_tasks()
        count = drawn.shape[1]
        steps = np.bincount(self.tasks[counted], minlength=count)
        sums = np.stack([np.bincount(self.tasks[counted], each[counted], count) for each in right])  # (K, G)
        means = np.einsum("rg,kg,rk->r", drawn, sums, self.draw_seeds(len(right)))
        return np.asarray(means / np.maximum(drawn @ steps, 1))

    def draw_tasks(self) -> np.ndarray:
        """(resamples, G) int64, how often each task is drawn."""
        count = int(self.tasks.max()) + 1
        return np.random.default_rng(self.seed).multinomial(count, np.full(count, 1 / count), size=self.resamples)

    def draw_seeds(self, count: int) -> np.ndarray:
        """(resamples, count), the weight of each of so many training seeds."""
        generator = np.random.default_rng([self.seed, count])
        return generator.multinomial(count, np.full(count, 1 / count), size=self.resamples) / count

    def interval(self, values: np.ndarray) -> Interval:
        """Of a statistic (resamples,) over the draws; NaN where a draw says nothing, as where all its runs end alike."""
        tail = 100 * (1 - self.confidence) / 2
        low, high = np.nanpercentile(values, [tail, 100 - tail])
        return Interval(float(low), float(high))
