"""Intervals over tasks: their width by the formula of a cluster bootstrap, and pairs on the same draws."""

import numpy as np
import pytest

from understudy.log_evaluation.intervals import TaskBootstrap

TASKS = np.repeat(np.arange(200), 5)
EVERY = np.ones(1000, bool)


def bootstrap():
    return TaskBootstrap(TASKS, resamples=4000, confidence=0.95, seed=0)


def test_steps_of_a_task_that_are_alike_count_once():
    right = np.repeat(np.random.default_rng(0).random(200) < 0.5, 5)
    interval = bootstrap().share(right[None], EVERY)
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 200)
    assert interval.low == pytest.approx(right.mean() - half, abs=0.01)
    assert interval.high == pytest.approx(right.mean() + half, abs=0.01)


def test_only_counted_steps_enter():
    right, counted = np.zeros((1, 1000), bool), np.zeros(1000, bool)
    right[:, ::5], counted[::5] = True, True
    interval = bootstrap().share(right, counted)
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_a_constant_difference_has_no_width():
    right = np.random.default_rng(1).random((1, 1000)) < 0.5
    interval = bootstrap().difference(right, right, EVERY)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_training_seeds_widen_an_interval():
    one = np.zeros((1, 1000), bool)
    one[:, ::2] = True
    several = np.stack([np.zeros(1000, bool), np.ones(1000, bool), one[0]])
    widths = [bootstrap().share(each, EVERY) for each in (one, several)]
    assert 0 <= widths[1].low and widths[1].high <= 1
    assert widths[1].high - widths[1].low > 5 * (widths[0].high - widths[0].low)
