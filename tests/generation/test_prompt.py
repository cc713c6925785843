"""Prompts: read as the recording of such a game would be, and refused by a sentence where they are of none."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import refused
from tests.generation.policies import WORDLE
from understudy.errors import ParameterError
from understudy.generation.prompt import may_follow, read_prompt
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.task import NOTHING
from understudy.tasks.text import decode
from understudy.tasks.text_maze import TextMaze
from understudy.tasks.wordle import Wordle

MAZE = TextMaze(["..", ".G"], max_turns=9)
NAMED = Wordle(["cat", "cow"], max_turns=4, words_only=True, marks_name_letters=True)


@pytest.mark.parametrize("task", [WORDLE, MAZE, NAMED], ids=["wordle", "maze", "named"])
def test_the_text_of_a_game_is_read_as_it_was_written(task):
    games = play(task, RandomPlayer(), np.arange(30))
    game = int(games.lengths.argmax())
    steps = int(games.lengths[game]) - 1  # the last token is for the reader of the prompt to find
    written = np.concatenate([games.actions[game, :steps, None], games.replies[game, :steps]], axis=1).reshape(-1)
    text = decode(task.tokens, np.concatenate([games.openings[game], written]))
    prompt = read_prompt(task, text)
    assert prompt.actions.tolist() == games.actions[game, :steps].tolist()
    assert prompt.replies.tolist() == games.replies[game, :steps].tolist()
    assert prompt.opening.tolist() == games.openings[game].tolist()
    assert len(prompt.turn) == steps % task.turn_length


def test_nothing_is_a_prompt_of_no_tokens():
    prompt = read_prompt(WORDLE, "")
    assert (prompt.actions.tolist(), prompt.turn, prompt.opening.tolist()) == ([], [], [NOTHING] * 3)


def test_what_may_follow_leads_on_to_a_word():
    names = [WORDLE.tokens[each] for each in np.flatnonzero(may_follow(WORDLE, [2]))]
    assert names == ["a", "o"]  # cat, cow
    assert may_follow(MAZE, []).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cät", "expected tokens among a b c"),
        ("cats", "expected a reply after 3 tokens, got 'cats'"),
        ("cx", "expected one of 'a' 'o' after 'c', got 'x'"),
        ("ca<b><b>", "expected words of 3 letters with a mark each, got 'ca' with 2"),
        ("cat<b><b>", "expected words of 3 letters with a mark each, got 'cat' with 2"),
        ("cat<b><b><b><b>", "expected replies of at most 3 tokens, got '<b>' beyond"),
        ("cat", "expected the task's reply after 'cat', got the text's end"),
        ("cat<g><g><g>", "expected a game that goes on, got one that is over"),
        ("cat<g><g><g>co", "expected a game that goes on, got one that is over"),
        ("cat<b><b><b>" * 4, "expected a game that goes on, got one that is over"),
    ],
)
def test_a_text_of_no_such_game_is_refused(text, sentence):
    with refused(ParameterError, f"--prompt: {sentence}"):
        read_prompt(WORDLE, text)


def test_marks_that_name_their_letters_are_of_the_word():
    with refused(ParameterError, "--prompt: expected marks of the letters of 'cat', got '<c:b><o:b><t:b>'"):
        read_prompt(NAMED, "cat<c:b><o:b><t:b>")


@pytest.mark.parametrize(
    ("task", "text", "sentence"),
    [
        (MAZE, "", "expected a reply that a game gives at the beginning, such as '(0,1)', got ''"),
        (
            MAZE,
            "(1,1)",
            "expected a reply that a game gives at the beginning, such as '(0,1)', got '(1,1)'",
        ),  # the goal
        (MAZE, "(0,0)e(1,0)", "expected a reply that a game gives to 'e' here, such as '(0,1)', got '(1,0)'"),
        (MAZE, "(0,0)e(0,1)s(1,1)", "expected a game that goes on, got one that is over"),
        (MAZE, "(0,0)e(0,1)s(1,1)n(0,1)", "expected a game that goes on, got one that is over"),
        (NAMED, "cat<c:g><a:b><t:b>cow<c:g><o:b><w:b>", "expected a reply that a game gives to 'cow' here, such as"),
    ],
)
def test_replies_that_no_game_gives_are_refused(task, text, sentence):
    with refused(ParameterError, f"--prompt: {sentence}"):
        read_prompt(task, text)


def test_every_answer_of_a_long_list_of_words_is_a_game():
    words = ["".join(letters) for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=3)]
    task = Wordle(words, max_turns=6, words_only=True, marks_name_letters=False)
    assert read_prompt(task, "zzy<g><g><b>").actions.tolist() == [25, 25, 24]  # zzz alone, or another that begins so
    with refused(ParameterError, "--prompt: expected a reply that a game gives to 'zzy' here, such as"):
        read_prompt(task, "zzz<g><g><b>zzy<b><b><b>")


def test_what_a_task_of_ones_own_replies_is_taken_as_it_is():
    own = SimpleNamespace(
        tokens=("l", "r", "?", "!"), num_actions=2, reply_length=1, turn_length=1, max_turns=3
    )  # its games are more than could be played
    assert read_prompt(own, "?l!r?").replies.tolist() == [[3], [2]]
    with refused(ParameterError, "--prompt: expected a game that goes on, got one that is over"):
        read_prompt(own, "?l!r?l!")
