"""What an evaluation is read from."""

import pytest

from tests.builders import CHOICES, random_episodes, refused
from understudy.errors import DataError
from understudy.evaluation.read import read_evaluation, read_held_out, read_references
from understudy.rollouts.parquet import write_recording
from understudy.utils.jsonfile import write_json


def recorded(folder, name: str, option: int = -1, first: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    episodes = random_episodes(CHOICES, [2, 3])
    for episode in episodes:
        episode.options[:] = option
        episode.options[0] = option if first is None else first
    write_recording(folder, CHOICES, name, episodes)


def trained(folder, accuracy: float, changes: float | None) -> None:
    write_json(folder / "held_out.json", {"action_accuracy": accuracy, "change_accuracy": changes})


def test_references_are_the_demonstrator_and_the_random_actor(tmp_path):
    for name in ("data/evaluation/expert", "data/evaluation/random", "data/raw"):
        recorded(tmp_path / name, name)
    for without_expert, place in ((False, "data/evaluation/expert"), (True, "data/raw")):
        references = read_references(tmp_path, without_expert)
        assert list(references) == ["demonstrations" if without_expert else "expert", "random"]
        assert [each.demonstrator for each in references.values()] == [place, "data/evaluation/random"]


@pytest.mark.parametrize(("option", "num_options"), [(-1, None), (1, 4)])
def test_an_evaluation_is_that_of_all_training_seeds_and_ways_to_play(tmp_path, option, num_options):
    for seed, changes in ((3, None), (5, 0.25)):
        recorded(tmp_path / f"data/evaluation/dt/seed_{seed}", f"seed {seed}", option)
        for variant in ("shuffled", "plainer"):
            recorded(tmp_path / f"data/evaluation/dt/seed_{seed}/{variant}", f"{variant} {seed}", option)
        trained(tmp_path / f"models/dt/seed_{seed}", seed / 10, changes)
    evaluated = read_evaluation(tmp_path, "dt", [3, 5], 4)["dt"]
    assert [each.demonstrator for each in evaluated.recordings] == ["seed 3", "seed 5"]
    assert list(evaluated.variants) == ["plainer", "shuffled"]
    assert [each.demonstrator for each in evaluated.variants["shuffled"]] == ["shuffled 3", "shuffled 5"]
    assert (evaluated.action_accuracy, evaluated.change_accuracy) == (pytest.approx(0.4), 0.25)
    assert evaluated.num_options == num_options


def test_ways_to_play_that_are_added_stand_for_themselves(tmp_path):
    recorded(tmp_path / "data/evaluation/dt/seed_3", "plain", -1)
    for way in ("shuffled", "planning"):
        recorded(tmp_path / f"data/evaluation/dt/seed_3/{way}", way, -1)
    trained(tmp_path / "models/dt/seed_3", 0.5, 0.25)
    evaluated = read_evaluation(tmp_path, "dt", [3], 4, ["planning"])
    assert list(evaluated) == ["dt", "dt/planning"]
    assert list(evaluated["dt"].variants) == ["shuffled"]
    [recording] = evaluated["dt/planning"].recordings
    assert recording.demonstrator == "planning"
    assert evaluated["dt/planning"].action_accuracy is None


def test_accuracies_are_read(tmp_path):
    trained(tmp_path, 0.5, None)
    assert read_held_out(tmp_path / "held_out.json") == {"action_accuracy": 0.5, "change_accuracy": None}


@pytest.mark.parametrize("key", ["action_accuracy", "change_accuracy"])
def test_a_missing_accuracy_is_named(tmp_path, key):
    content = {"action_accuracy": 0.5, "change_accuracy": 0.25}
    del content[key]
    write_json(tmp_path / "held_out.json", content)
    with refused(DataError, f"held_out.json: expected a {key}, got none"):
        read_held_out(tmp_path / "held_out.json")


def test_one_training_seed_is_enough(tmp_path):
    recorded(tmp_path / "data/evaluation/dt/seed_0", "seed 0", 2, first=-1)  # an option at any step tells
    trained(tmp_path / "models/dt/seed_0", 0.5, 0.25)
    evaluated = read_evaluation(tmp_path, "dt", [0], 3)["dt"]
    assert (len(evaluated.recordings), evaluated.variants, evaluated.num_options) == (1, {}, 3)
