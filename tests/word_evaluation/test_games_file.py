"""Judged games on disk."""

import numpy as np
import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.text import decode
from understudy.tasks.wordle import Wordle
from understudy.word_evaluation.games_file import read_games, write_games

TASK = Wordle(["cat", "dog", "pig"], max_turns=3, words_only=True, marks_name_letters=False)


@pytest.fixture
def path(tmp_path):
    blocks = [play(TASK, RandomPlayer(), np.arange(first, first + 10)) for first in (5, 15)]
    write_games(tmp_path / "games.parquet", TASK, blocks)
    return tmp_path / "games.parquet"


def test_games_are_read_back_and_their_texts_are_there_to_be_read(path):
    games = read_games(path)
    whole = play(TASK, RandomPlayer(), np.arange(5, 25))
    assert games.seeds.tolist() == list(range(5, 25))
    assert games.returns.tolist() == whole.returns.tolist()
    assert games.groups.tolist() == TASK.reset(games.seeds).state["answer"].tolist()
    assert list(games.texts) == [decode(TASK.tokens, whole.text(game)) for game in range(20)]


def test_what_is_missing_or_damaged_is_a_sentence(path, tmp_path):
    with refused(DataError, "none.parquet: expected a recording, found no such file"):
        read_games(tmp_path / "none.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with refused(DataError, "games.parquet: expected a whole Parquet file"):
        read_games(path)
