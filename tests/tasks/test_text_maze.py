"""The maze: its optimum by search is what games of every kind reach at best."""

import itertools

import numpy as np
import pytest

from tests.builders import refused
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.text import decode
from understudy.tasks.text_maze import TextMaze

ROWS = ["..#", "#..", "G.#"]  # places (0,0) (0,1) (1,1) (1,2) (2,0) (2,1)


def test_distances_by_hand():
    assert TextMaze(ROWS, 10).distances.tolist() == [4, 3, 2, 3, 0, 1]


def test_no_sequence_of_moves_pays_more_than_the_optimum_and_some_pay_it():
    task, seeds = TextMaze(ROWS, 4), np.arange(30)
    best = np.full(30, -np.inf)
    for moves in itertools.product(range(4), repeat=4):
        step, total = task.reset(seeds), np.zeros(30)
        for move in moves:
            step = task.step(step.state, np.full(30, move))
            total += step.rewards
        best = np.maximum(best, total)
    assert best.tolist() == task.best_returns(seeds).tolist()
    assert len(set(best.tolist())) == 4


def test_the_optimum_of_games_too_short_for_the_goal():
    task = TextMaze(ROWS, 2)
    distances = task.distances[task.reset(np.arange(40)).state["place"]]
    assert task.best_returns(np.arange(40)).tolist() == [
        -2.0 if distance > 2 else 1.0 - distance for distance in distances
    ]


def test_the_text_says_where_one_is():
    task = TextMaze(ROWS, 10)
    seed = next(seed for seed in range(100) if task.reset(np.asarray([seed])).reply[0, 0] == 4)  # at (0,0)
    step = task.reset(np.asarray([seed]))
    said = decode(task.tokens, step.reply[0])
    for move in "nesswe":
        step = task.step(step.state, np.asarray([task.tokens.index(move)]))
        said += move + decode(task.tokens, step.reply[0])
    assert said == "(0,0)n(0,0)e(0,1)s(1,1)s(2,1)w(2,0)e"
    assert step.terminated.all() and step.rewards.tolist() == [0.0]


def test_a_random_player_is_far_from_it_and_none_starts_at_the_goal():
    task = TextMaze(ROWS, 20)
    seeds = np.arange(300)
    games = play(task, RandomPlayer(), seeds)
    assert (games.returns <= task.best_returns(seeds)).all()
    assert games.returns.mean() < task.best_returns(seeds).mean() - 4
    assert task.goal not in task.reset(seeds).state["place"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["..", "G"], "rows of one length, got [2, 1]"),
        (["x.", ".G"], "expected # . G alone, got 'x'"),
        (["..", ".."], "expected one G and some ., got 0 and 4"),
        (["GG", ".."], "got 2 and 2"),
        (["#G", "##"], "got 1 and 0"),
        ([".#G"], "expected a way to the goal from every open place, got none from (0,0)"),
    ],
)
def test_bad_maps_are_refused(rows, says):
    with refused(ValueError, "rows: ", says):
        TextMaze(rows, 5)
