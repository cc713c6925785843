"""Scores over several tasks, by returns whose scores are known."""

import numpy as np
import pytest

from understudy.evaluation.statistics import Bootstrap
from understudy.evaluation.tasks import TaskReturns, mean_score, relative_score

BOOTSTRAP = Bootstrap(resamples=200, confidence=0.95, seed=0)


def returns(scores: list[float], episodes: int = 5, spread: float = 0.0) -> TaskReturns:
    """A task whose random actor returns 10 and whose expert 30, and trainings of these scores."""
    noise = spread * np.linspace(-1, 1, episodes)
    policy = 10 + 20 * np.asarray(scores)[:, None] + noise
    return TaskReturns(policy, np.full(episodes, 30.0), np.full(episodes, 10.0))


def test_a_trainings_score_is_one_for_the_expert_and_zero_for_random() -> None:
    assert returns([1.0, 0.0, 0.5]).scores().tolist() == [1.0, 0.0, 0.5]
    assert returns([0.2, 0.4]).scores(np.asarray([1, 1]), np.asarray([0, 0, 3])) == pytest.approx([0.4, 0.4])


def test_over_tasks_it_is_the_mean_of_the_middle_half() -> None:
    """Of -3, 0.4, 0.6 and 0.9 the outer ones are left out."""
    value, interval = mean_score([returns([0.4]), returns([-3.0]), returns([0.9]), returns([0.6])], BOOTSTRAP)
    assert value == pytest.approx(0.5)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_the_interval_holds_the_score_and_widens_with_spread() -> None:
    widths = []
    for spread in (1.0, 8.0):
        tasks = [returns([0.5, 0.7, 0.6], spread=spread), returns([0.9, 0.8, 1.0], spread=spread)]
        value, interval = mean_score(tasks, BOOTSTRAP)
        assert interval.low < value < interval.high
        widths.append(interval.high - interval.low)
    assert widths[0] < widths[1]


def test_a_share_is_that_of_the_others_score() -> None:
    one, other = [returns([0.4]), returns([0.6])], [returns([0.8, 0.8]), returns([1.2, 1.2])]
    share, interval = relative_score(one, other, BOOTSTRAP)
    assert share == pytest.approx(0.5)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_both_play_the_same_episodes() -> None:
    """What differs from episode to episode alike for both leaves the share alone."""
    noise = np.asarray([0.0, 10.0, -10.0, 5.0, -5.0])
    task = TaskReturns(20 + noise[None], 30.0 + noise, np.full(5, 10.0))
    share, interval = relative_score([task], [task], BOOTSTRAP)
    assert (share, interval.low, interval.high) == pytest.approx((1.0, 1.0, 1.0))
