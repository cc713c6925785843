"""The table of those who play: by known returns."""

import numpy as np
import pytest

from understudy.params.word_evaluation import WordEvaluationParams
from understudy.word_evaluation.table import chosen_elsewhere, format_table, summarise

GROUPS = np.asarray([3, 3, 5, 7, 7, 9])  # halves: 3 and 7, 5 and 9
WAYS = {
    "greedy": np.asarray([[-1.0, -1.0, -4.0, -1.0, -1.0, -4.0]]),
    "sampled": np.asarray([[-3.0, -3.0, -2.0, -3.0, -3.0, -2.0]]),
}
PARAMS = WordEvaluationParams(
    games=6,
    first_seed=0,
    block_size=6,
    temperatures={"greedy": 0.0, "sampled": 1.0},
    players=[],
    baseline="bc",
    seed=0,
    resamples=200,
    confidence=0.95,
)


def test_a_game_is_played_in_the_way_that_was_best_on_other_kinds_of_games():
    """Greedy is the best of the first half, sampled of the second, and so each is judged where it is worse."""
    returns, ways = chosen_elsewhere(WAYS, GROUPS)
    assert returns.tolist() == [[-3.0, -3.0, -4.0, -3.0, -3.0, -4.0]]
    assert ways == ["sampled", "greedy"]


def test_games_of_one_kind_alone_are_their_own_measure():
    returns, ways = chosen_elsewhere(WAYS, np.zeros(6, np.int64))
    assert (returns.mean(), ways[0]) == (-2.0, "greedy")


def test_means_and_differences_are_those_of_the_returns():
    recorded, players = np.asarray([-6.0, -4.0]), {"random": np.full(6, -5.0)}
    better = {name: each + 1.5 for name, each in WAYS.items()}
    summary = summarise(recorded, players, {"bc": WAYS, "ilql": better}, GROUPS, PARAMS)
    assert list(summary) == ["data", "random", "bc", "ilql"]
    assert summary["data"]["return"] == -5.0 and "difference" not in summary["data"]
    assert summary["random"]["difference"] == pytest.approx(-5.0 + 20 / 6)
    assert summary["ilql"]["difference"] == pytest.approx(1.5)
    assert (summary["ilql"]["difference_ci_low"], summary["ilql"]["difference_ci_high"]) == pytest.approx((1.5, 1.5))
    assert "difference" not in summary["bc"]
    assert summary["bc"]["ways"]["greedy"]["return"] == -2.0
    assert summary["bc"]["return_ci_low"] <= summary["bc"]["return"] <= summary["bc"]["return_ci_high"]
    lines = format_table(summary).splitlines()
    assert lines[0] == "| who | plays | mean return | less the baseline's |"
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| data", ""],
        ["| random", ""],
        ["| bc", "best elsewhere: sampled, greedy"],
        ["| ", "greedy"],
        ["| ", "sampled"],
        ["| ilql", "best elsewhere: sampled, greedy"],
        ["| ", "greedy"],
        ["| ", "sampled"],
    ]
    assert "+1.500 [+1.500, +1.500]" in lines[7]
