"""Games as episodes of a recording: the text comes back out of the observations."""

import numpy as np
import pytest

from understudy.rollouts.parquet import read_recording, write_recording
from understudy.tasks.play import RandomPlayer, play
from understudy.tasks.recording import as_episodes, observation_names, spec_of
from understudy.tasks.task import NOTHING
from understudy.tasks.text_maze import TextMaze
from understudy.tasks.wordle import Wordle

TASKS = {
    "wordle": Wordle(("apple", "allee", "eerie", "paper"), max_turns=3, words_only=True, marks_name_letters=False),
    "text_maze": TextMaze(["...", ".#.", "..G"], max_turns=9),
}


def games_of(task):
    return play(task, RandomPlayer(), np.arange(20, 60))


def text_of(task, episode):
    """The tokens that the observations show, in order."""
    names, ids = observation_names(task), {token: number for number, token in enumerate(task.tokens)}
    text = []
    for observation in [*episode.observations, episode.final_observation]:
        shown = [name for name, value in zip(names, observation, strict=True) if value == 1 and name != "turns"]
        written = [name.removeprefix("wrote_") for name in shown if name.startswith("wrote_")]
        replied = [name.split("_", 2)[2] for name in shown if name.startswith("reply_")]
        text += [ids[token] for token in written + replied]
    return text


@pytest.mark.parametrize("name", TASKS)
def test_the_observations_are_the_text_and_actions_its_next_tokens(name):
    task = TASKS[name]
    games = games_of(task)
    episodes = list(as_episodes(task, games))
    assert [episode.seed for episode in episodes] == list(range(20, 60))
    for game, episode in enumerate(episodes):
        assert text_of(task, episode) == games.text(game).tolist()
        assert episode.actions.tolist() == games.actions[game][games.actions[game] != NOTHING].tolist()
        assert (episode.observations[1:, : task.num_actions].argmax(axis=1) == episode.actions[:-1]).all()
        assert episode.total_return == games.returns[game]
        assert episode.terminated and not episode.truncated


def test_a_step_says_the_place_in_the_turn_and_the_turns_that_are_over():
    task = TASKS["wordle"]
    episode = next(each for each in as_episodes(task, games_of(task)) if each.length == 15)
    names = observation_names(task)
    first = names.index("place_0")
    assert episode.observations[:, first : first + 5].argmax(axis=1).tolist() == [0, 1, 2, 3, 4] * 3
    assert episode.observations[:, -1] == pytest.approx([0] * 5 + [1 / 3] * 5 + [2 / 3] * 5)
    assert episode.final_observation[-1] == 1
    assert episode.rewards[[4, 9]].tolist() == [-1, -1] and episode.rewards[:4].tolist() == [0] * 4


def test_what_is_written_is_read_back(tmp_path):
    task = TASKS["wordle"]
    episodes = [*as_episodes(task, games_of(task), player=1)]
    write_recording(tmp_path, spec_of(task, {"task": "wordle"}), "words", episodes, ["a", "b"])
    recording = read_recording(tmp_path)
    assert recording.spec.action_names == task.tokens[:26] and recording.spec.kwargs == {"task": "wordle"}
    assert recording.spec.components == observation_names(task)
    for one, other in zip(episodes, recording.as_episodes(), strict=True):
        assert (one.observations == other.observations).all() and (one.actions == other.actions).all()
        assert other.player == 1
