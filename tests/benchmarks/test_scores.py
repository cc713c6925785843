"""Scores and their difference by hand: the random actor returns 0, the expert 10, so a score is a tenth of a return."""

import pytest

from benchmarks.rows import Group, Program, ScoreComparison
from benchmarks.scores import score_row
from understudy.errors import DataError
from understudy.evaluation.statistics import Bootstrap

COMPARISON = ScoreComparison("acting", "ours", "theirs", Bootstrap(resamples=2000, confidence=0.95, seed=0))
GROUP = Group(2, {"ours": Program("we", "module", ()), "theirs": Program("a peer", "module", ())}, (COMPARISON,))
OURS = {"seeds": [1, 2], "returns": [[8.0, 10.0], [4.0, 6.0]], "expert": [10.0, 10.0], "random": [0.0, 0.0]}


def theirs(*returns):
    return [{"seeds": [1, 2], "returns": [each]} for each in returns]


def row(*returns):
    return score_row(COMPARISON, GROUP, {"ours": [OURS, OURS], "theirs": theirs(*returns)})


def test_a_round_of_a_peer_is_a_training_seed_and_each_of_ours_holds_all():
    made = row([2.0, 4.0], [0.0, 2.0])
    assert (made["ours"]["score"], made["theirs"]["score"]) == (pytest.approx(0.7), pytest.approx(0.2))
    assert (made["ours"]["return_mean"], made["theirs"]["return_mean"]) == (7.0, 2.0)
    assert (made["ours"]["training_seeds"], made["theirs"]["training_seeds"]) == (2, 2)
    assert made["ours"]["who"] == "we"
    assert made["references"] == {"expert": 10.0, "random": 0.0}


def test_intervals_are_over_training_seeds_and_episodes():
    made = row([2.0, 4.0], [0.0, 2.0])
    # The extremes: one training seed twice, and one episode twice. A sixteenth of the resamples or more are each of them.
    assert (made["ours"]["low"], made["ours"]["high"]) == (pytest.approx(0.4), pytest.approx(1.0))
    assert (made["theirs"]["low"], made["theirs"]["high"]) == (pytest.approx(0.0), pytest.approx(0.4))


def test_the_difference_is_paired_by_episode():
    made = row([2.0, 4.0])
    assert made["difference"]["score"] == pytest.approx(0.4)
    # Both gain 2 from the first episode to the second: only our training seeds, 3 and 7 more than theirs, make a difference.
    assert (made["difference"]["low"], made["difference"]["high"]) == (pytest.approx(0.2), pytest.approx(0.6))


def test_other_evaluation_seeds_are_refused():
    figures = {"ours": [OURS], "theirs": [{"seeds": [2, 3], "returns": [[0.0, 0.0]]}]}
    with pytest.raises(DataError, match=r"^theirs: expected the 2 evaluation seeds from 1 on, got 2 from 2 on$"):
        score_row(COMPARISON, GROUP, figures)
