"""Metrics of runs by hand, counted by eye; and their values where sklearn is not asked."""

import numpy as np
import pytest

from tests.log_evaluation.judged import LABELS, RUNS, logits
from understudy.log_evaluation.metrics import describe, right_choices, success
from understudy.log_evaluation.predictions import Predictions

CHOSEN = np.array([2, 0, 0, 2, 2, 0, 2, 4, 2, 0, 0])  # wrong at 2, 4, 6, 9; at 7 right by chance, which does not count


def described(chosen=CHOSEN, values=None):
    told = {name: Predictions(logits(chosen), values) for name in ("validation", "test")}
    return describe(told, {name: RUNS for name in ("validation", "test")}, 0.9)


def test_what_training_never_saw_cannot_be_right():
    assert right_choices(logits(LABELS), RUNS).tolist() == [True] * 7 + [False] + [True] * 3


def test_accuracies_are_shares_of_all_steps_and_of_tool_turns():
    found = described()
    assert (found["decisions"], found["tool_turns"]) == (11, 6)
    assert found["accuracy"] == pytest.approx(6 / 11)
    assert found["tool_accuracy"] == pytest.approx(3 / 6)  # at 0, 3, 4, 7, 8, 9
    assert found["top_3"] == pytest.approx(9 / 11)  # of equals the first: reply, finish, look_up beside the likeliest


def test_macro_f1_is_the_mean_over_choices_that_training_has_seen():
    reply, finish, look_up, cancel = 2 * 3 / (4 + 5), 0, 2 * 3 / (4 + 5), 0
    assert described()["macro_f1"] == pytest.approx(np.mean([reply, finish, look_up, cancel]))


def test_the_gate_is_shut_where_nothing_is_sure_enough():
    found = described()  # all steps are equally sure, and six of eleven right
    assert (found["threshold"], found["coverage"], found["coverage_precision"]) == (None, 0.0, None)


def test_the_gate_opens_above_the_threshold():
    sure = logits(CHOSEN)
    sure[[0, 1, 3]] *= 2
    told = {name: Predictions(sure) for name in ("validation", "test")}
    found = describe(told, {name: RUNS for name in ("validation", "test")}, 0.9)
    assert found["coverage"] == pytest.approx(3 / 11)
    assert found["coverage_precision"] == 1.0


def test_surprise_is_the_mean_of_the_negative_logarithm():
    found = described(np.zeros(11, np.int64))
    temperature = found["temperature"]
    weight = np.exp(3 / temperature)
    surprise = np.where(LABELS == 0, -np.log(weight / (weight + 4)), -np.log(1 / (weight + 4)))
    assert found["surprise"] == pytest.approx(surprise.mean(), rel=1e-4)


def test_success_is_told_by_the_value_after_half_and_the_whole_run():
    values = np.full(11, 0.5, np.float32)
    values[[1, 4, 9]] = [0.9, 0.2, 0.1]  # half of three steps are two
    values[[2, 5, 10]] = [1.0, 0.0, 1.5]
    found = described(values=values)
    assert found["success_auroc_half"] == pytest.approx(0.5)  # of (0.9, 0.1) against 0.2
    assert found["success_brier_half"] == pytest.approx((0.1**2 + 0.2**2 + 0.9**2) / 3)
    assert (found["success_auroc_whole"], found["success_brier_whole"]) == (1.0, 0.0)
    assert described()["success_auroc_half"] is None


def test_success_of_runs_that_all_ended_alike_is_unknown():
    alike = type(RUNS)(RUNS.choices, RUNS.labels, RUNS.offsets, RUNS.tasks, RUNS.task_names, np.ones(4))
    assert success(np.zeros(4), alike) == (None, None)
