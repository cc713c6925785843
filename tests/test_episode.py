"""An episode checks itself; expected numbers are literals."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, random_episode, refused


@pytest.mark.parametrize("name", ["actions", "demonstrated_actions", "rewards", "options"])
def test_every_column_has_a_value_for_each_observation(name):
    episode = random_episode(CHOICES, seed=3, length=5)
    with refused(ValueError, f"{name}: expected 5 steps", "got 4"):
        replace(episode, **{name: getattr(episode, name)[:-1]})


def test_an_episode_without_an_end_is_refused():
    with refused(ValueError, "seed 3", "terminated or truncated", "neither"):
        replace(random_episode(CHOICES, seed=3, length=5), terminated=False)


@pytest.mark.parametrize("flags", [(True, False), (False, True), (True, True)])
def test_both_end_flags_are_kept(flags):
    episode = replace(random_episode(CHOICES, seed=3, length=5), terminated=flags[0], truncated=flags[1])
    assert (episode.terminated, episode.truncated) == flags


def test_length_counts_the_steps():
    assert random_episode(CHOICES, seed=3, length=7).length == 7


def test_the_return_is_added_up_in_double_precision():
    # In float32, 2 ** 24 + 1 is 2 ** 24 again.
    rewards = np.array([2.0**24, 1.0, 1.0], dtype=np.float32)
    episode = replace(random_episode(CHOICES, seed=3, length=3), rewards=rewards)
    assert episode.total_return == 16777218.0
