"""Sequences hold what was recorded: checked against the episodes themselves, and read straight from the Arrow file."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.builders import CHOICES, SPECS, VECTORS, random_episodes, written_store
from understudy.rollouts import table
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import open_sequences

LENGTHS = [4, 1, 6, 3]


def arrow_table(path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def description_of(store) -> dict:
    return json.loads((store / "store.json").read_text())


def scales_of(store) -> dict:
    [task] = description_of(store)["interface"]["tasks"]
    return task["scales"]


@pytest.mark.parametrize("spec", SPECS)
def test_each_column_of_the_steps_is_one_buffer_from_end_to_end(tmp_path, spec):
    episodes = random_episodes(spec, LENGTHS)
    arrow = arrow_table(written_store(tmp_path, spec, episodes, held_out=[1]) / "train.arrow")
    training, sequence = [episodes[0], episodes[2], episodes[3]], arrow["sequence"].chunk(0)
    assert sequence.offsets.to_pylist() == [0, 4, 10, 13]
    for name, field, kind in (
        ("observation", "observations", np.float32),
        ("action", "actions", np.int64 if spec.discrete_actions else np.float32),
        ("label", "demonstrated_actions", np.int64 if spec.discrete_actions else np.float32),
        ("reward", "rewards", np.float32),
    ):
        expected = np.concatenate([getattr(episode, field) for episode in training]).reshape(-1)
        buffer = sequence.values.field(name).values.buffers()[1]
        np.testing.assert_array_equal(np.frombuffer(buffer, dtype=kind)[: len(expected)], expected)


def test_a_row_is_an_episode(tmp_path):
    episodes = random_episodes(CHOICES, LENGTHS, truncated=[2])
    arrow = arrow_table(written_store(tmp_path, CHOICES, episodes, held_out=[1]) / "train.arrow")
    assert arrow["episode"].to_pylist() == [0, 2, 3]
    assert arrow["seed"].to_pylist() == [100, 102, 103]
    assert arrow["terminated"].to_pylist() == [True, False, True]
    assert arrow["truncated"].to_pylist() == [False, True, False]
    finals = [episodes[number].final_observation for number in (0, 2, 3)]
    np.testing.assert_array_equal(np.asarray(arrow["final_observation"].to_pylist(), np.float32), finals)


def test_the_two_ends_of_an_episode_are_kept_apart(tmp_path):
    """A return is not known where the clock cut an episode off, even as it ended."""
    both = [replace(episode, terminated=True, truncated=True) for episode in random_episodes(CHOICES, [2, 2])]
    sequences = open_sequences(written_store(tmp_path, CHOICES, both), "train")
    assert [sequences.steps.episodes[name].tolist() for name in ("terminated", "truncated")] == [[True], [True]]
    batch = next(SequenceDataset(sequences, 4, 1, frozenset({"terminated"})).in_order())
    assert batch["terminated"].tolist() == [[False, True, False, False]]
    assert not batch.value_mask.any()


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
    sequences = open_sequences(store, "train")
    assert sequences.returns_to_go.tolist() == [-0.5, -1.5, 0.5]
    assert sequences.rewards.tolist() == [1.0, -2.0, 0.5]


def test_scales_come_from_the_training_episodes_alone(tmp_path):
    episodes = random_episodes(VECTORS, LENGTHS)
    other = replace(
        episodes[2], observations=episodes[2].observations * 100 + 7, rewards=episodes[2].rewards - np.float32(50)
    )
    first = written_store(tmp_path / "a", VECTORS, episodes, held_out=[2])
    second = written_store(tmp_path / "b", VECTORS, [*episodes[:2], other, episodes[3]], held_out=[2])
    assert scales_of(first) == scales_of(second)
    third = written_store(tmp_path / "c", VECTORS, [*episodes[:2], other, episodes[3]], held_out=[1])
    assert scales_of(first) != scales_of(third)


def test_scales_are_those_of_the_visible_training_steps(tmp_path):
    episodes = random_episodes(CHOICES, LENGTHS)
    scales = scales_of(written_store(tmp_path, CHOICES, episodes, held_out=[1], hidden=("y",)))
    states = np.concatenate([episodes[number].observations[:, [0, 2]] for number in (0, 2, 3)]).astype(np.float64)
    changes = [
        np.concatenate([np.diff(episodes[number].observations[:, [0, 2]], order, axis=0) for number in (0, 2, 3)])
        for order in (1, 2, 3)
    ]
    np.testing.assert_allclose(scales["state_mean"], states.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(scales["state_std"], states.std(axis=0), rtol=1e-9)
    expected = [np.sqrt(np.mean(np.square(of_order / states.std(axis=0)), axis=0)) for of_order in changes]
    np.testing.assert_allclose(scales["difference_std"], expected, rtol=1e-6)
    to_go = [sum(episodes[number].rewards[step:].tolist()) for number in (0, 2, 3) for step in range(LENGTHS[number])]
    np.testing.assert_allclose(scales["return_mean"], np.mean(to_go), rtol=1e-6)
    np.testing.assert_allclose(scales["return_std"], np.std(to_go), rtol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("hidden", [("y",), ("z", "x"), ("x", "y"), ("x", "y", "x")])
def test_hidden_components_are_in_no_file(tmp_path, spec, hidden):
    telltale = 12345.678
    episodes = random_episodes(spec, LENGTHS)
    columns = [spec.components.index(name) for name in hidden]
    for episode in episodes:
        episode.observations[:, columns] = episode.final_observation[columns] = telltale
    store = written_store(tmp_path, spec, episodes, hidden=hidden)
    sequences = open_sequences(store, "train")
    visible = [index for index, name in enumerate(spec.components) if name not in hidden]
    np.testing.assert_array_equal(sequences.states, np.concatenate([e.observations[:, visible] for e in episodes[1:]]))
    finals = [episode.final_observation[visible] for episode in episodes[1:]]
    np.testing.assert_array_equal(sequences.steps.episodes["final_observation"], finals)
    assert sequences.task.visible_components == tuple(spec.components[index] for index in visible)
    assert len(sequences.task.scales.state_mean) == len(visible)
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
    for name, values in scales_of(one).items():
        np.testing.assert_allclose(scales_of(other)[name], values, rtol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_recording_gives_the_same_bytes(tmp_path, spec):
    one, other = (written_store(tmp_path / place, spec, random_episodes(spec, LENGTHS)) for place in "ab")
    for name in ("train.arrow", "validation.arrow", "store.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
