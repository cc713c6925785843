"""Scores of several tasks together.

TaskReturns             -- what a policy and the references returned in one task
mean_score(tasks, ...)  -- the interquartile mean over tasks and trainings
relative_score(...)     -- that of one policy as a share of another's

R training seeds, E evaluation episodes, K tasks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.evaluation.statistics import Bootstrap, Interval, interquartile_mean, normalised_score


@dataclass(frozen=True)
class TaskReturns:
    """Raw returns in one task, paired by the episodes' seeds.

    Attributes:
        policy: (R, E).
        expert: (E,).
        random: (E,).
    """

    policy: np.ndarray
    expert: np.ndarray
    random: np.ndarray

    def scores(self, seeds: np.ndarray | None = None, episodes: np.ndarray | None = None) -> np.ndarray:
        """The score (R,) of each training, 1 for the expert and 0 for random; of these seeds and episodes, None for all."""
        policy = self.policy if seeds is None else self.policy[seeds]
        chosen = slice(None) if episodes is None else episodes
        return normalised_score(policy[:, chosen], self.expert[chosen], self.random[chosen])


def mean_score(tasks: Sequence[TaskReturns], bootstrap: Bootstrap) -> tuple[float, Interval]:
    """The interquartile mean of the scores of all tasks and trainings (Agarwal et al., 2021), with its interval.

    In a resample every task draws episodes and training seeds of its own: it is stratified by task.
    """
    value = interquartile_mean(np.concatenate([task.scores() for task in tasks]))
    resampled = (
        interquartile_mean(np.concatenate([task.scores(*draw) for task, draw in zip(tasks, draws, strict=True)]))
        for draws in _draws(bootstrap, [tasks])
    )
    return value, _interval(bootstrap, np.fromiter(resampled, np.float64))


def relative_score(
    tasks: Sequence[TaskReturns], others: Sequence[TaskReturns], bootstrap: Bootstrap
) -> tuple[float, Interval]:
    """The interquartile mean of `tasks` as a share of that of `others`, with its interval; both play the same episodes."""

    def together(each: Sequence[TaskReturns], draws: Sequence[tuple[np.ndarray, np.ndarray]] | None) -> float:
        drawn = [(None, None)] * len(each) if draws is None else draws
        return interquartile_mean(np.concatenate([task.scores(*draw) for task, draw in zip(each, drawn, strict=True)]))

    count = len(tasks)
    resampled = (
        together(tasks, draws[:count]) / together(others, draws[count:]) for draws in _draws(bootstrap, [tasks, others])
    )
    interval = _interval(bootstrap, np.fromiter(resampled, np.float64))
    return together(tasks, None) / together(others, None), interval


def _draws(
    bootstrap: Bootstrap, groups: Sequence[Sequence[TaskReturns]]
) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Seeds and episodes of each task of each group; of the groups' tasks at one place the episodes are the same."""
    generator = np.random.default_rng(bootstrap.seed)
    for _ in range(bootstrap.resamples):
        episodes = [generator.integers(len(task.expert), size=len(task.expert)) for task in groups[0]]
        yield [
            (generator.integers(len(task.policy), size=len(task.policy)), own)
            for group in groups
            for task, own in zip(group, episodes, strict=True)
        ]


def _interval(bootstrap: Bootstrap, values: np.ndarray) -> Interval:
    tail = 100 * (1 - bootstrap.confidence) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return Interval(float(low), float(high))
