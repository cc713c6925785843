"""AUROC and Brier score against sklearn's and literals, and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.success import SuccessJudge, aurocs, briers

OUTCOMES = np.array([1.0, 0.0, 1.0, 0.0, 0.0, np.nan])
EXPECTED = np.array([0.9, 0.9, 0.6, 0.3, 0.7, 0.0])


def judge(outcomes=OUTCOMES, tasks=None):
    tasks = np.arange(len(outcomes)) if tasks is None else tasks
    return SuccessJudge(outcomes, tasks, TaskBootstrap(tasks, resamples=2000, confidence=0.95, seed=0))


def test_a_weight_is_how_often_a_run_is_there():
    expected, outcomes = EXPECTED[:5], OUTCOMES[:5]
    weights = np.array([[1, 1, 1, 1, 1], [2, 0, 1, 3, 1], [1, 0, 1, 0, 0]])
    found = zip(weights, aurocs(expected, outcomes, weights), briers(expected, outcomes, weights), strict=True)
    for times, auroc, brier in list(found)[:2]:
        assert auroc == pytest.approx(roc_auc_score(np.repeat(outcomes, times), np.repeat(expected, times)))
        assert brier == pytest.approx(brier_score_loss(np.repeat(outcomes, times), np.repeat(expected, times)))
    assert np.isnan(aurocs(expected, outcomes, weights)[2])  # two successes alone tell nothing


def test_numbers_of_five_runs_by_hand():
    found = judge().describe(EXPECTED[None], np.full((1, 6), 0.5))
    assert found["auroc"] == pytest.approx((0.5 + 1 + 1 + 0 + 1 + 0) / 6)
    assert found["brier"] == pytest.approx((0.01 + 0.81 + 0.16 + 0.09 + 0.49) / 5)
    assert found["auroc_difference"] == pytest.approx(3.5 / 6 - 0.5)
    assert found["brier_difference"] == pytest.approx(0.312 - 0.25)
    assert found["auroc_ci_low"] < 3.5 / 6 < found["auroc_ci_high"]


def test_a_value_beyond_a_probability_counts_as_the_nearest_one():
    assert briers(np.array([1.7, -0.2]), np.array([1.0, 0.0]), np.ones((1, 2))).tolist() == [0.0]


def test_seeds_enter_as_their_mean_and_widen_the_interval():
    right, wrong = np.array([1, 0, 1, 0, 0, 0.0]), np.array([0, 1, 0, 1, 1, 0.0])
    both = judge().describe(np.stack([right, wrong]), right[None])
    alone = judge().describe(right[None], right[None])
    assert (both["auroc"], both["auroc_difference"]) == (0.5, -0.5)
    assert (both["auroc_ci_low"], both["auroc_ci_high"]) == (0.0, 1.0)
    assert (alone["auroc_ci_low"], alone["auroc_difference_ci_high"]) == (1.0, 0.0)


def test_runs_of_a_task_are_drawn_together():
    generator = np.random.default_rng(0)
    outcomes = np.repeat(generator.random(60) < 0.5, 4).astype(float)
    expected = np.repeat(generator.random(60), 4)[None]
    apart, together = (judge(outcomes, tasks) for tasks in (np.arange(240), np.repeat(np.arange(60), 4)))
    widths = [
        found["auroc_ci_high"] - found["auroc_ci_low"]
        for found in (each.describe(expected, expected) for each in (apart, together))
    ]
    assert widths[1] > 1.6 * widths[0]  # of four alike, twice as wide


def test_runs_that_all_end_alike_say_nothing():
    assert judge(np.ones(4)).describe(np.zeros((1, 4)), np.zeros((1, 4))) == {}
