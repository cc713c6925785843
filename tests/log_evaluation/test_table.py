"""The table: means over seeds, intervals, and differences from the baseline."""

import numpy as np
import pytest

from tests.builders import refused
from tests.log_evaluation.judged import LABELS, RUNS, logits
from understudy.errors import ParameterError
from understudy.log_evaluation.table import Judged, format_success, format_table, summarise
from understudy.params.log_evaluation import LogEvaluationParams

PARAMS = LogEvaluationParams(
    seed=0,
    resamples=300,
    confidence=0.95,
    precision=0.9,
    regularisation=[1.0],
    neighbours=[1],
    baseline="none",
    success_baseline="none",
    forest_trees=2,
    forest_leaf=1,
    longest_loop=3,
    odd_steps=5,
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


def test_success_has_intervals_and_differences_where_outcomes_are_told():
    sure, unsure = np.repeat([1.0, 0.0, 0.5, 1.0], [3, 3, 2, 3]), np.full(11, 0.5)
    named = {"none": Judged([{}], [NONE], [unsure]), "both": Judged([{}, {}], [ALL, ALL], [sure, unsure])}
    summary = summarise(named | {"silent": Judged([{}], [NONE])}, RUNS, PARAMS)
    assert summary["both"]["success_auroc_half"] == pytest.approx(0.75)
    assert summary["both"]["success_auroc_whole_difference"] == pytest.approx(0.25)
    assert summary["both"]["success_brier_half_ci_low"] == 0
    assert "success_auroc_half" not in summary["silent"]
    lines = format_success(summary, "none").splitlines()
    assert lines[0].startswith("| who | AUROC, half | less that of none | whole |")
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| none", "| both"]
    assert lines[2].split(" | ")[2] == "" and "+0.250 [" in lines[3]


def test_a_baseline_that_is_not_there_is_a_sentence():
    with refused(ParameterError, "log_evaluation.baseline: expected one of none, both, got 'nobody'"):
        summarise(found(), RUNS, PARAMS.model_copy(update={"baseline": "nobody"}))
    with refused(ParameterError, "log_evaluation.success_baseline: expected one of none, both, got 'nobody'"):
        summarise(found(), RUNS, PARAMS.model_copy(update={"success_baseline": "nobody"}))
