"""Tasks and players by what params.yaml says."""

import sys

import pytest

from tests.builders import refused
from understudy.errors import ParameterError
from understudy.params.words import WordParams
from understudy.tasks.make import make_player, make_task

PLAYERS = [{"player": "random", "games": 3}]
WORDLE = {"words": 100, "max_turns": 6, "words_only": True, "marks_name_letters": False}


def params(task, settings, players=PLAYERS):
    return WordParams.model_validate({"task": task, "players": players, "first_seed": 0, task: settings})


def test_a_task_and_what_makes_it_again():
    task, settings = make_task(params("wordle", WORDLE))
    assert len(task.words) == 100 and settings == {"task": "wordle", **WORDLE}
    task, settings = make_task(params("wordle", WORDLE | {"words": ["apple", "paper"]}))
    assert task.words == ("apple", "paper") and settings["words"] == ["apple", "paper"]
    assert make_task(params("text_maze", {"rows": [".G"], "max_turns": 3}))[0].distances.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("task", "settings", "says"),
    [
        ("wordle", WORDLE | {"words": []}, "words.wordle: words: expected at least one, got none"),
        (
            "wordle",
            WORDLE | {"words": ["apple", "pear"]},
            "words.wordle: words: expected all of them to have 5 letters",
        ),
        ("wordle", WORDLE | {"words": 9999}, "words.wordle: words: expected from 1 to 2000"),
        ("text_maze", {"rows": ["..", "G"], "max_turns": 3}, "words.text_maze: rows: expected rows of one length"),
        (
            "own",
            {"name": "nowhere:Task", "kwargs": {}},
            "words.own.name: expected 'nowhere:Task' in a module of custom/",
        ),
    ],
)
def test_bad_settings_are_a_sentence(task, settings, says):
    with refused(ParameterError, says):
        make_task(params(task, settings))


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [({"other": 1}, "Task() takes no arguments"), ({}, "no attribute 'tokens'")],
    ids=["arguments", "contract"],
)
def test_a_class_that_is_no_task_is_a_sentence(tmp_path, monkeypatch, kwargs, says):
    (tmp_path / "mine_that_is_none.py").write_text("class Task:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with refused(ParameterError, "words.own: ", says):
        make_task(params("own", {"name": "mine_that_is_none:Task", "kwargs": kwargs}))
    sys.modules.pop("mine_that_is_none")


def test_players():
    task, _ = make_task(params("wordle", WORDLE))
    for player in ({"player": "random"}, {"player": "consistent", "rate": 0.5}, {"player": "greedy_entropy"}):
        made = params("wordle", WORDLE, [player | {"games": 1}]).players[0]
        assert make_player(task, made).letters.shape == (100, 5)
    maze, _ = make_task(params("text_maze", {"rows": [".G"], "max_turns": 3}))
    with refused(ParameterError, "words.players: expected random"):
        make_player(maze, made)
