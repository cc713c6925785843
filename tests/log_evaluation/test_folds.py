"""Two folds of the runs by hand, whose choices have other numbers in each."""

from dataclasses import replace

import numpy as np
import pytest

from tests.log_evaluation.judged import CHOICES, LABELS, RUNS, logits
from tests.log_evaluation.test_table import PARAMS
from understudy.log_evaluation.folds import Fold, agreement_of_logs, summarise_folds
from understudy.log_evaluation.predictions import Predictions

REVERSED = np.array([3, 2, 1, 0, 4])
OTHER = replace(RUNS, choices=tuple(CHOICES[each] for each in REVERSED), labels=REVERSED[LABELS])
VALUES = np.repeat([0.9, 0.2, 0.5, 0.1], [3, 3, 2, 3])  # of outcomes 1, 0, unknown, 1


def fold(runs, right, values=VALUES):
    chosen = np.where(right, runs.labels, (runs.labels + 1) % 4)
    said = {
        "none": Predictions(logits(np.zeros(11, np.int64)), np.full(11, 0.5)),
        "some": Predictions(logits(chosen), values),
    }
    return Fold(runs, said)


def folds(second=VALUES):
    return [fold(RUNS, np.ones(11, bool)), fold(OTHER, np.arange(11) < 4, second)]


def test_right_and_wrong_are_pooled():
    found = summarise_folds(folds(), PARAMS)["some"]
    assert found["decisions"] == 22
    assert found["accuracy"] == pytest.approx((10 + 4) / 22)  # at step 7 nobody can be right
    assert found["tool_accuracy"] == pytest.approx((5 + 2) / 12)
    assert found["accuracy_difference"] == pytest.approx(14 / 22 - (4 + 1) / 22)
    assert found["accuracy_ci_low"] < 14 / 22 < found["accuracy_ci_high"]


def test_success_has_a_number_a_fold_and_one_of_all():
    found = summarise_folds(folds(1 - VALUES), PARAMS)
    assert found["some"]["success_auroc_half_folds"] == [
        0.5,
        0.5,
    ]  # of 0.9 and 0.1 against 0.2, and the other way round
    assert found["some"]["success_auroc_half"] == pytest.approx((1 + 0 + 1 + 0 + 0 + 0 + 0 + 1) / 8, abs=0.13)
    assert found["none"]["success_auroc_whole_difference"] == 0


def test_who_tells_no_outcome_has_none():
    assert "success_auroc_half" not in summarise_folds(folds(None), PARAMS)["some"]


def test_agreement_is_the_mean_over_pairs():
    found = agreement_of_logs(folds())
    assert found == {
        "same_prefix": 0.0,  # task a begins with look_up, and with reply
        "prefix_pairs": 2,
        "run_agreement": pytest.approx(2 / 5),
        "run_pairs": 2,
    }
    assert summarise_folds(folds(), PARAMS)["none"]["same_prefix"] == 1.0
