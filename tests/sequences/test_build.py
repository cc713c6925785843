"""Sequences hold what was recorded: checked against the episodes themselves, and read straight from the Arrow file."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.builders import CHOICES, SPECS, VECTORS, random_episodes, written_store
from understudy.rollouts import table
from understudy.sequences.store import open_sequences

LENGTHS = [4, 1, 6, 3]


def arrow_table(path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def description_of(store) -> dict:
    return json.loads((store / "store.json").read_text())


@pytest.mark.parametrize("spec", SPECS)
def test_the_file_is_state_action_state_action_from_end_to_end(tmp_path, spec):
    episodes = random_episodes(spec, LENGTHS)
    arrow = arrow_table(written_store(tmp_path, spec, episodes, held_out=[1]) / "train.arrow")
    numbers = []
    for episode in (episodes[0], episodes[2], episodes[3]):
        for state, action in zip(episode.observations, episode.actions, strict=True):
            numbers += [*state.tolist(), *np.atleast_1d(action).tolist()]
    buffer = arrow["sequence"].chunk(0).values.field("state_action").values.buffers()[1]
    assert np.frombuffer(buffer, dtype=np.float32)[: len(numbers)].tolist() == numbers
    assert arrow["sequence"].chunk(0).offsets.to_pylist() == [0, 4, 10, 13]


def test_a_row_is_an_episode(tmp_path):
    episodes = random_episodes(CHOICES, LENGTHS, truncated=[2])
    arrow = arrow_table(written_store(tmp_path, CHOICES, episodes, held_out=[1]) / "train.arrow")
    assert arrow["episode"].to_pylist() == [0, 2, 3]
    assert arrow["seed"].to_pylist() == [100, 102, 103]
    assert arrow["truncated"].to_pylist() == [False, True, False]


def test_an_episode_cut_off_as_it_ended_counts_as_truncated(tmp_path):
    both = [replace(episode, terminated=True, truncated=True) for episode in random_episodes(CHOICES, [2, 2])]
    store = written_store(tmp_path, CHOICES, both)
    assert open_sequences(store, "train").truncated.tolist() == [True]


@pytest.mark.parametrize("spec", SPECS)
def test_labels_are_demonstrated_and_actions_executed(tmp_path, spec):
    episodes = random_episodes(spec, LENGTHS)
    sequences = open_sequences(written_store(tmp_path, spec, episodes, held_out=[1]), "train")
    training = [episodes[0], episodes[2], episodes[3]]
    executed = np.concatenate([episode.actions for episode in training])
    demonstrated = np.concatenate([episode.demonstrated_actions for episode in training])
    assert (executed != demonstrated).any()
    np.testing.assert_array_equal(sequences.actions, executed)
    np.testing.assert_array_equal(sequences.labels, demonstrated)


def test_returns_to_go_are_added_up_by_hand(tmp_path):
    rewards = np.array([1.0, -2.0, 0.5], dtype=np.float32)
    episodes = [replace(episode, rewards=rewards) for episode in random_episodes(CHOICES, [3, 3])]
    store = written_store(tmp_path, CHOICES, episodes)
    assert open_sequences(store, "train").returns_to_go.tolist() == [-0.5, -1.5, 0.5]


def test_scales_come_from_the_training_episodes_alone(tmp_path):
    episodes = random_episodes(VECTORS, LENGTHS)
    other = replace(
        episodes[2], observations=episodes[2].observations * 100 + 7, rewards=episodes[2].rewards - np.float32(50)
    )
    first = written_store(tmp_path / "a", VECTORS, episodes, held_out=[2])
    second = written_store(tmp_path / "b", VECTORS, [*episodes[:2], other, episodes[3]], held_out=[2])
    assert description_of(first)["normalisation"] == description_of(second)["normalisation"]
    third = written_store(tmp_path / "c", VECTORS, [*episodes[:2], other, episodes[3]], held_out=[1])
    assert description_of(first)["normalisation"] != description_of(third)["normalisation"]


def test_scales_are_those_of_the_visible_training_steps(tmp_path):
    episodes = random_episodes(CHOICES, LENGTHS)
    scales = description_of(written_store(tmp_path, CHOICES, episodes, held_out=[1], hidden=("y",)))["normalisation"]
    states = np.concatenate([episodes[number].observations[:, [0, 2]] for number in (0, 2, 3)]).astype(np.float64)
    changes = np.concatenate([np.diff(episodes[number].observations[:, [0, 2]], axis=0) for number in (0, 2, 3)])
    np.testing.assert_allclose(scales["state_mean"], states.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(scales["state_std"], states.std(axis=0), rtol=1e-9)
    expected = np.sqrt(np.mean(np.square(changes / states.std(axis=0)), axis=0))
    np.testing.assert_allclose(scales["difference_std"], expected, rtol=1e-6)
    to_go = [sum(episodes[number].rewards[step:].tolist()) for number in (0, 2, 3) for step in range(LENGTHS[number])]
    np.testing.assert_allclose(scales["return_mean"], np.mean(to_go), rtol=1e-6)
    np.testing.assert_allclose(scales["return_std"], np.std(to_go), rtol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("hidden", [("y",), ("z", "x"), ("x", "y")])
def test_hidden_components_are_in_no_file(tmp_path, spec, hidden):
    telltale = 12345.678
    episodes = random_episodes(spec, LENGTHS)
    columns = [spec.components.index(name) for name in hidden]
    for episode in episodes:
        episode.observations[:, columns] = telltale
    store = written_store(tmp_path, spec, episodes, hidden=hidden)
    sequences = open_sequences(store, "train")
    visible = [index for index, name in enumerate(spec.components) if name not in hidden]
    np.testing.assert_array_equal(sequences.states, np.concatenate([e.observations[:, visible] for e in episodes[1:]]))
    assert sequences.view.visible == tuple(spec.components[index] for index in visible)
    assert len(sequences.normalisation.state_mean) == len(visible)
    for name in ("train.arrow", "validation.arrow"):
        assert np.float32(telltale).tobytes() not in (store / name).read_bytes()


def test_the_description_holds_the_hashes_of_what_it_describes(tmp_path):
    store = written_store(tmp_path, CHOICES, random_episodes(CHOICES, LENGTHS))
    content = description_of(store)
    for name, got in content["files"].items():
        assert got == hashlib.sha256((store / name).read_bytes()).hexdigest()
    for name, got in content["recording"].items():
        assert got == hashlib.sha256((tmp_path / "raw" / name).read_bytes()).hexdigest()
    assert set(content["files"]) == {"train.arrow", "validation.arrow"}
    assert set(content["recording"]) == {"steps.parquet", "episodes.parquet"}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("rows_at_once", [1, 3, 6])
def test_a_recording_read_in_pieces_gives_the_same_files(tmp_path, monkeypatch, spec, rows_at_once):
    one = written_store(tmp_path / "one", spec, random_episodes(spec, LENGTHS), held_out=[1, 2])
    monkeypatch.setattr(table, "ROWS_AT_ONCE", rows_at_once)
    other = written_store(tmp_path / "other", spec, random_episodes(spec, LENGTHS), held_out=[1, 2])
    for name in ("train.arrow", "validation.arrow"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    for name, values in description_of(one)["normalisation"].items():
        np.testing.assert_allclose(description_of(other)["normalisation"][name], values, rtol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_recording_gives_the_same_bytes(tmp_path, spec):
    one, other = (written_store(tmp_path / place, spec, random_episodes(spec, LENGTHS)) for place in "ab")
    for name in ("train.arrow", "validation.arrow", "store.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
