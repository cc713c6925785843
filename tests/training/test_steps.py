"""Training steps outside of any batch."""

import numpy as np
import pytest

from tests.builders import CHOICES, by_hand
from tests.toys import tiny_interface
from understudy.training.steps import TrainingSteps

STATES = np.arange(21, dtype=np.float32).reshape(7, 3)
INTERFACE = tiny_interface(CHOICES)
SEQUENCES = by_hand(
    CHOICES,
    STATES,
    np.asarray([0, 1, 2, 0, 1, 2, 0]),
    [4, 3],
    rewards=np.arange(7.0),
    returns_to_go=10 * np.arange(7.0),
    truncated=[1],
    interface=INTERFACE,
)


def test_all_steps_are_there_in_a_models_units_and_rewards_raw() -> None:
    columns = TrainingSteps(SEQUENCES)
    np.testing.assert_array_equal(columns["observation"], (STATES - 0.25) / 0.5)
    assert columns["action"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert columns["reward"].tolist() == list(range(7))
    np.testing.assert_allclose(columns["return_to_go"], (10 * np.arange(7.0) - 3.0) / 4.0)


def test_steps_are_told_of_which_a_limit_cut_the_episode_off() -> None:
    assert TrainingSteps(SEQUENCES)["truncated"].tolist() == [False] * 4 + [True] * 3
    assert TrainingSteps(SEQUENCES, 3)["truncated"].tolist() == [False, False, True]


def test_nothing_is_read_before_it_is_asked_for(monkeypatch) -> None:
    columns = TrainingSteps(SEQUENCES)
    demonstrations = ["demonstration_observation", "demonstration_action", "demonstration_length"]
    assert list(columns) == ["observation", "action", "reward", "return_to_go", "truncated", *demonstrations]
    assert len(columns) == 8
    monkeypatch.setattr(type(SEQUENCES), "states", property(lambda sequences: 1 / 0))
    assert len(columns["reward"]) == 7
    with pytest.raises(ZeroDivisionError):
        columns["observation"]
    with pytest.raises(KeyError):
        columns["label"]


def test_of_very_many_evenly_spaced_ones_are_taken() -> None:
    assert TrainingSteps(SEQUENCES, 3)["reward"].tolist() == [0, 3, 6]
    assert TrainingSteps(SEQUENCES, 6)["reward"].tolist() == [0, 2, 4, 6]


def test_the_first_steps_of_the_first_episodes_are_there_as_demonstrations() -> None:
    columns = TrainingSteps(SEQUENCES)
    assert columns["demonstration_length"].tolist() == [4, 3, 0, 0, 0]
    assert columns["demonstration_observation"].shape == (5, 64, 3)
    second = (STATES[4:7] - 0.25) / 0.5
    np.testing.assert_array_equal(columns["demonstration_observation"][1, :3], second)
    assert columns["demonstration_action"][1, :3].tolist() == [1, 2, 0]
