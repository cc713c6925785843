"""The tasks of one's own that the documentation shows keep the contract, and games of them are what they say."""

import re

import numpy as np
import pytest

from tests.builders import PARAMETERS_FILE
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.recording import as_episodes
from understudy.tasks.text import decode

PAGE = PARAMETERS_FILE.parent / "docs/howto/words.md"


@pytest.fixture(scope="module")
def shown():
    names = {"__name__": "shown"}
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(program, names)
    return names


def test_a_number_is_guessed(shown):
    task, seeds = shown["GuessNumber"](), np.arange(2000)
    games = play(task, RandomPlayer(), seeds)
    secrets = task.reset(seeds).state["secret"]
    assert set(secrets) == set(range(10))
    for game in range(50):
        text = decode(task.tokens, games.text(game))
        turns = re.findall(r"(\d)<(\w+)>", text)
        for guess, said in turns:
            difference = secrets[game] - int(guess)
            assert said == ("right" if difference == 0 else "more" if difference > 0 else "less")
        assert games.returns[game] == -sum(said != "right" for _, said in turns)
    assert games.returns.mean() == pytest.approx(-sum(0.9**turn for turn in range(1, 5)), abs=0.1)


def test_letters_are_sorted(shown):
    task = shown["SortLetters"]()
    games = play(task, RandomPlayer(), np.arange(2000))
    for game in range(50):
        text = decode(task.tokens, games.text(game))
        letters, written = text[:3].lower(), text[3:6]
        assert sorted(letters) == sorted(written) and len(set(letters)) == 3
        assert games.returns[game] == sum(a == b for a, b in zip(sorted(letters), written, strict=True))
    assert games.returns.mean() == pytest.approx(1, abs=0.1)  # one of three letters is at its place by chance


@pytest.mark.parametrize("name", ["GuessNumber", "SortLetters"])
def test_their_games_are_episodes(shown, name):
    task = shown[name]()
    games = play(task, RandomPlayer(), np.arange(30))
    assert [episode.total_return for episode in as_episodes(task, games)] == games.returns.tolist()
