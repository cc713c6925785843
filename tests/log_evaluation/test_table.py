"""The table: means over seeds, intervals, and differences from the baseline."""

import numpy as np
import pytest

from tests.builders import refused
from tests.log_evaluation.judged import LABELS, RUNS, logits
from understudy.errors import ParameterError
from understudy.log_evaluation.table import Judged, format_table, summarise
from understudy.params.log_evaluation import LogEvaluationParams

PARAMS = LogEvaluationParams(
    seed=0, resamples=300, confidence=0.95, precision=0.9, regularisation=[1.0], neighbours=[1], baseline="none"
)
NONE, ALL = logits(np.full(11, 1)), logits(LABELS)


def found():
    numbers = {"accuracy": 0.2, "tool_accuracy": 0.0, "coverage_precision": None}
    return {
        "none": Judged([numbers], [NONE]),
        "both": Judged([numbers | {"accuracy": 0.4}, numbers | {"accuracy": 0.6}], [NONE, ALL]),
    }


def test_means_over_seeds_and_differences():
    summary = summarise(found(), RUNS, PARAMS)
    assert summary["both"]["accuracy"] == pytest.approx(0.5)
    assert (summary["both"]["seeds"], summary["none"]["seeds"]) == (2, 1)
    assert summary["both"]["coverage_precision"] is None
    assert summary["both"]["tool_accuracy_difference"] == pytest.approx((0 + 5 / 6) / 2)
    assert summary["both"]["tool_accuracy_difference_ci_low"] == 0  # both draws may be of the seed that knows nothing
    assert summary["none"]["accuracy_difference_ci_high"] == 0


def test_the_table_has_a_row_each_and_leaves_open_what_is_unknown():
    lines = format_table(summarise(found(), RUNS, PARAMS), "none").splitlines()
    assert len(lines) == 4 and all(line.count("|") == lines[0].count("|") for line in lines)
    assert lines[0].endswith("tool turns less those of none |")
    assert lines[2].startswith("| none | 0.200 [0.") and lines[2].endswith("|  |")
    assert "+0.417" in lines[3]


def test_a_baseline_that_is_not_there_is_a_sentence():
    with refused(ParameterError, "log_evaluation.baseline: expected one of none, both, got 'nobody'"):
        summarise(found(), RUNS, PARAMS.model_copy(update={"baseline": "nobody"}))
