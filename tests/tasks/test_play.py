"""The loop over games, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.task import NOTHING, TextStep
from understudy.tasks.text import decode


class Counting:
    """Game `seed` lasts seed + 1 tokens, each of which pays 1, and every second one of which is counted aloud."""

    tokens = ("x", "y", "!", "?")
    num_actions, reply_length, turn_length, max_turns = 2, 2, 2, 4

    def reset(self, seeds):
        step = self._step(seeds.copy(), np.zeros(len(seeds), np.int64), 0)
        return replace(step, reply=np.full((len(seeds), 2), 3), rewards=np.zeros(len(seeds), np.float32))

    def step(self, state, actions):
        return self._step(state["last"], state["written"] + 1, 1)

    def legal(self, state):
        return np.stack([state["written"] % 2 == 0, state["written"] % 2 == 1], axis=1)

    def _step(self, last, written, paid):
        playing = written <= last + 1
        reply = np.where(((written % 2 == 0) & playing)[:, None], [2, NOTHING], NOTHING)
        rewards = np.where(playing, paid, 0).astype(np.float32)
        return TextStep({"last": last, "written": written}, reply, rewards, written > last)


def test_games_end_when_each_does():
    games = play(Counting(), RandomPlayer(), np.asarray([0, 2, 5]))
    assert games.lengths.tolist() == [1, 3, 6]
    assert games.returns.tolist() == [1, 3, 6]
    assert games.actions.tolist() == [[0] + [-1] * 5, [0, 1, 0, -1, -1, -1], [0, 1, 0, 1, 0, 1]]
    texts = [decode(Counting.tokens, games.text(game)) for game in range(3)]
    assert texts == ["??x", "??xy!x", "??xy!xy!xy!"]


class Player:
    def start(self, seeds):
        self.seeds = seeds

    def act(self, reply, legal):
        return np.where(self.seeds == 7, self.token, 0)


@pytest.mark.parametrize(("token", "got"), [(1, "'y'"), (2, "2"), (-1, "-1")])
def test_an_illegal_token_is_a_sentence(token, got):
    player = Player()
    player.token = token
    with refused(DataError, f"game 7: expected one of 'x', got {got}"):
        play(Counting(), player, np.asarray([5, 7, 6]))


def changed(change: dict) -> Counting:
    task = Counting()
    for name, value in change.items():
        setattr(task, name, value)
    return task


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tokens": ("x", "x", "!", "?")}, "tokens: expected different texts"),
        ({"tokens": ("x", "", "!", "?")}, "tokens: expected different texts"),
        ({"num_actions": 4}, "num_actions: expected from 1 to 3"),
        ({"max_turns": 0}, "max_turns: expected at least 1, got 0"),
    ],
)
def test_a_task_that_does_not_hold_together_is_refused(change, says):
    with refused(ValueError, says):
        play(changed(change), RandomPlayer(), np.asarray([1, 6]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reply_length": 3}, "reply: expected an array of the shape (2, 3), got (2, 2)"),
        (
            {"num_actions": 3, "legal": lambda state: np.ones((2, 3), bool)},
            "reply: expected tokens from 3 to 3, the task's, got 2",
        ),
        ({"legal": lambda state: [[True, False]] * 2}, "legal: expected an array of the shape (2, 2), got list"),
        ({"legal": lambda state: np.ones((2, 3), bool)}, "legal: expected an array of the shape (2, 2), got (2, 3)"),
        ({"max_turns": 2}, "terminated: expected every game to end within 2 turns of 2 tokens, got game 6 going on"),
    ],
)
def test_a_task_that_breaks_the_contract_is_a_sentence_for_the_stage_that_plays_it(change, says):
    with refused(DataError, f"Counting: {says}"):
        play(changed(change), RandomPlayer(), np.asarray([1, 6]))
