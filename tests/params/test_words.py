"""params.yaml of projects that learn from games in text."""

import pytest

from tests.builders import refused
from tests.tasks.project import PARAMS
from understudy.errors import ParameterError
from understudy.params.project import load_project
from understudy.params.word_project import WordProject


def loaded(folder, text):
    (folder / "params.yaml").write_text(text)
    return load_project(folder / "params.yaml")


def test_the_section_of_words_tells_which_kind_it_is(tmp_path):
    project = loaded(tmp_path, PARAMS)
    assert isinstance(project, WordProject)
    assert [player.name for player in project.words.players] == ["random", "consistent 0.5", "greedy_entropy"]
    project = loaded(tmp_path, PARAMS.replace("rate: 0.5", "rate: 0.5, otherwise: repeated"))
    assert project.words.players[1].name == "consistent 0.5 else repeated"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("rate: 0.5, ", ""), "rate: expected a share of the turns where player is consistent, got None"),
        (("player: random,", "player: random, rate: 0.1,"), "rate: expected none where player is random, got 0.1"),
        (("player: random,", "player: random, otherwise: repeated,"), "otherwise: expected any where player is random"),
        (("rate: 0.5", "rate: 1.5"), "words.players.1.rate: expected less than or equal to 1"),
        (("task: wordle", "task: text_maze"), "words.text_maze: expected its settings, got none"),
        (("greedy_entropy", "random"), "words.players: expected different ones, got random, consistent 0.5, random"),
        (("greedy_entropy", "clever"), "words.players.2.player: expected 'random', 'consistent' or 'greedy_entropy'"),
        (("max_turns: 6", "max_turns: 0"), "words.wordle.max_turns"),
        (
            ("words: [cat, dog, pig, cow, ant, bee]", "words: apple"),
            "words.wordle.words: expected a number of words of the list, or a list of words, got",
        ),
        (
            ("task: wordle", "task: text_maze\n  text_maze: {rows: [.G], max_turns: 3}"),
            "words.players.1.player: expected random",
        ),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, change, says):
    assert change[0] in PARAMS
    with refused(ParameterError, "params.yaml: ", says):
        loaded(tmp_path, PARAMS.replace(*change))
