"""An episode from arrays of any origin: what fits is taken as it is, what does not is named."""

import numpy as np
import pytest
from gymnasium import spaces

from tests.builders import refused
from tests.toys import CHOICES, VECTORS
from understudy.episode import UNKNOWN_SEED
from understudy.errors import DataError
from understudy.sources.episodes import choices_of, encoded, make_episode

SEEN = np.arange(9.0).reshape(3, 3)


def test_an_episode_of_choices():
    episode = make_episode(CHOICES, SEEN, [0, 3, 1], [1, 2, 3.5], terminated=True, seed=7)
    assert (episode.seed, episode.total_return, episode.terminated, episode.truncated) == (7, 6.5, True, False)
    assert episode.actions.dtype == np.int64
    assert episode.demonstrated_actions is episode.actions
    np.testing.assert_array_equal(episode.final_observation, SEEN[-1])


def test_what_nobody_says_is_marked_so():
    episode = make_episode(VECTORS, SEEN, np.zeros((3, 2)))
    assert (episode.seed, episode.terminated, episode.truncated) == (UNKNOWN_SEED, False, True)
    assert episode.rewards.tolist() == [0, 0, 0]


def test_an_observation_more_is_the_final_one():
    episode = make_episode(CHOICES, SEEN, [0, 1])
    assert episode.length == 2
    np.testing.assert_array_equal(episode.final_observation, SEEN[2])


def test_choices_may_come_as_floats_in_columns_and_vectors_of_one_entry_as_numbers():
    assert make_episode(CHOICES, SEEN, [[0.0], [1.0], [2.0]]).actions.tolist() == [0, 1, 2]


def test_vectors_a_rounding_outside_are_put_to_the_bound():
    episode = make_episode(VECTORS, SEEN[:1], [[1.000001, -2.000001]])
    assert episode.actions.tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize(
    ("spec", "arguments", "says"),
    [
        (CHOICES, (SEEN, [0, 1, 4]), "here: actions: expected choices from 0 to 3, got 4 at step 2"),
        (CHOICES, (SEEN, [0, 1, -1]), "expected choices from 0 to 3, got -1 at step 2"),
        (CHOICES, (SEEN, [0, 0.5, 1]), "expected choices from 0 to 3, got 0.5 at step 1"),
        (CHOICES, (SEEN, np.zeros((3, 2))), "actions: expected one choice a step, got the shape (3, 2)"),
        (VECTORS, (SEEN, np.zeros((3, 3))), "actions: expected vectors of 2 entries, got the shape (3,)"),
        (VECTORS, (SEEN, [[0, 0], [0, 0], [1.1, 0]]), "got [1.1, 0.0] at step 2; environment.wrappers can rescale"),
        (
            CHOICES,
            (SEEN[:, :2], [0, 1, 2]),
            "observations: expected vectors of 3 entries, as Toy-v0 has, got the shape (2,)",
        ),
        (CHOICES, (SEEN, [0, 1, 2], [1, 2]), "got 3 observations, 3 actions, 2 rewards"),
        (CHOICES, (SEEN, [0]), "got 3 observations, 1 actions, 1 rewards"),
        (CHOICES, (SEEN[:0], []), "at least one"),
        (CHOICES, (SEEN, [0, 1, 2], [1, np.nan, 2]), "rewards: expected finite numbers, got nan at step 1"),
        (CHOICES, (np.full((3, 3), 1e39), [0, 1, 2]), "observations: expected finite numbers, got 1e+39 at step 0"),
        (CHOICES, ([["a"]], [0]), "observations: expected numbers in rows of one length, got something else"),
        (CHOICES, ([[1, 2], [1]], [0, 1]), "observations: expected numbers in rows of one length, got something else"),
    ],
)
def test_what_does_not_fit_is_named(spec, arguments, says):
    with refused(DataError, says):
        make_episode(spec, *arguments, where="here")


def test_a_final_observation_of_another_size_is_refused():
    with refused(DataError, "final_observation: expected 3 entries, got 2"):
        make_episode(CHOICES, SEEN, [0, 1, 2], final_observation=[1, 2])


def test_observations_of_parts_are_flattened_as_gymnasium_does():
    space = spaces.Dict({"b": spaces.Discrete(3), "a": spaces.Box(-1, 1, (2,), np.float32)})
    values = {"b": np.asarray([2, 0]), "a": np.asarray([[0.1, 0.2], [0.3, 0.4]], np.float32)}
    expected = [spaces.flatten(space, {"b": values["b"][t], "a": values["a"][t]}) for t in range(2)]
    np.testing.assert_array_equal(encoded(space, values, "here"), expected)
    pair = spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2)))
    np.testing.assert_array_equal(
        encoded(pair, (np.asarray([0, 1]), np.asarray([1, 1])), "here"), [[1, 0, 0, 1], [0, 1, 0, 1]]
    )


def test_images_are_refused():
    with refused(DataError, "here: observations: expected vectors and choices, got Box(0, 255, (4, 4), uint8)"):
        encoded(spaces.Box(0, 255, (4, 4), np.uint8), np.zeros((2, 4, 4)), "here")


@pytest.mark.parametrize(
    ("space", "values", "numbers"),
    [
        (spaces.Discrete(3, start=5), [5, 7], [0, 2]),
        (spaces.MultiDiscrete([2, 3]), [[0, 2], [1, 0]], [2, 3]),
        (spaces.MultiDiscrete([2, 3], start=[1, 4]), [[2, 6]], [5]),
        (spaces.MultiBinary(3), [[1, 0, 1]], [5]),
    ],
)
def test_several_choices_are_numbered_as_the_environment_s(space, values, numbers):
    np.testing.assert_array_equal(choices_of(space, values, "here"), numbers)


def test_choices_outside_their_space_are_refused():
    with refused(DataError, "here: actions: expected one of MultiDiscrete([2 3]), got [0, 3]"):
        choices_of(spaces.MultiDiscrete([2, 3]), [[1, 1], [0, 3]], "here")
