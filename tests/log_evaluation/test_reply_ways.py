"""Searches among replies whose vectors and words are known."""

import numpy as np
import pytest

from understudy.log_evaluation.reply_table import format_ways, summarise_ways
from understudy.log_evaluation.reply_ways import Searches, Split
from understudy.logs.replies import NOTHING, Replies
from understudy.params.log_evaluation import LogEvaluationParams

PARAMS = LogEvaluationParams(
    seed=0,
    resamples=200,
    confidence=0.95,
    precision=0.9,
    regularisation=[1.0],
    neighbours=[1],
    baseline="logistic",
    success_baseline="run_length",
    forest_trees=1,
    forest_leaf=1,
    longest_loop=4,
    odd_steps=1,
)
VECTORS = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0].astype(np.float32)
# Texts 0 to 11 are replies, 12 to 23 what was heard before them, with a word in common.
CONTENTS = [f"answer number{number % 12}" if number < 12 else f"question number{number % 12}" for number in range(24)]


@pytest.fixture(scope="module")
def searches():
    """What was heard names the reply in every other row, the observation is the reply's vector throughout."""
    generator, splits = np.random.default_rng(1), {}
    for name in ("train", "validation", "test"):
        said = generator.integers(0, 12, 60)
        heard = np.where(np.arange(60) % 2 == 0, said + 12, NOTHING)
        splits[name] = Split(Replies(said, heard), VECTORS[said], np.arange(60) // 6)
    return Searches(splits, VECTORS, CONTENTS, PARAMS)


def test_words_find_what_was_named_and_the_linear_map_what_was_observed(searches):
    words, linear = searches.judge(None, True), searches.judge(searches.linear(), False)
    assert (words.ranks[::2] == 1).all() and (words.ranks[1::2] == 6.5).all()
    assert (words.weights[0], linear.weights[1]) == (0, 0)
    assert words.numbers["r_at_1"] == 0.5 and words.numbers["r_at_5"] == 0.5
    assert words.numbers["mrr"] == pytest.approx((1 + 1 / 6.5) / 2)
    assert linear.numbers["r_at_1"] == 1 and linear.threshold is not None and linear.numbers["coverage_precision"] == 1


def test_vectors_that_say_nothing_are_left_to_the_words(searches):
    noise = np.random.default_rng(2).standard_normal((60, 24)).astype(np.float32)
    against = {name: -VECTORS[searches.splits[name].replies.said] + 0.1 * noise for name in ("validation", "test")}
    found = searches.judge(against, True)
    assert found.weights[0] == 0
    assert found.ranks.tolist() == searches.judge(None, True).ranks.tolist()


def test_a_gate_that_never_was_right_enough_stays_shut(searches):
    against = {name: -VECTORS[searches.splits[name].replies.said] for name in ("validation", "test")}
    found = searches.judge(against, False)
    assert found.threshold is None
    assert (found.numbers["coverage"], found.numbers["coverage_precision"]) == (0, None)


def test_the_table_has_means_over_seeds_and_what_is_more_than_by_words(searches):
    words, linear = searches.judge(None, True), searches.judge(searches.linear(), False)
    summary = summarise_ways({"words": [words], "linear": [linear, words]}, searches)
    assert summary["linear"]["r_at_1"] == pytest.approx(0.75) and summary["linear"]["seeds"] == 2
    assert summary["linear"]["r_at_1_difference"] == pytest.approx(0.25)
    assert summary["linear"]["r_at_1_difference_ci_low"] >= 0
    assert summary["words"]["weight_of_words"] == words.weights[1]
    lines = format_ways(summary).splitlines()
    assert lines[2].startswith("| words | 0.500 [0.500, 0.500] | 0.500 |") and lines[2].endswith("|  |")
    assert lines[3].startswith("| linear | 0.750 [") and "+0.250" in lines[3]
