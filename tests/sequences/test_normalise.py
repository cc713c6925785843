"""Scales against NumPy's own mean and deviation in double precision, and against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, VECTORS, examples
from understudy.interface import Task
from understudy.scales import Scales
from understudy.sequences.normalise import ScaleSums

STATES = np.array([[1.0, 7.0, 0.0], [3.0, 7.0, 0.0], [5.0, 7.0, 6.0]], dtype=np.float32)
RETURNS = np.array([10.0, 20.0, 30.0])
ONE_EPISODE = np.array([True, False, False])


def measured(states: np.ndarray, returns: np.ndarray, starts: np.ndarray) -> Scales:
    """The scales of some steps added at once."""
    sums = ScaleSums(states.shape[1])
    sums.add(states, returns, starts)
    return sums.scales(CHOICES)


@pytest.fixture
def scales() -> Scales:
    return measured(STATES, RETURNS, ONE_EPISODE)


def test_means_and_deviations(scales):
    # Deviations of the population: the root of (4 + 0 + 4) / 3, of (4 + 4 + 16) / 3, and of (100 + 0 + 100) / 3.
    np.testing.assert_allclose(scales.state_mean, [3.0, 7.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(scales.state_std, [1.6329931618554521, 1.0, 2.8284271247461903], rtol=1e-12)
    np.testing.assert_allclose([scales.return_mean, scales.return_std], [20.0, 8.16496580927726], rtol=1e-12)


def test_the_usual_differences_of_a_component_in_its_own_scale(scales):
    # x changes by 2 twice, 2 / 1.633 each; z by 0 and 6, whose root mean square 18 ** 0.5 is 1.5 deviations, and that change
    # changes by 6, 2.121 deviations. There is no difference of the third order, and one that is always zero counts as one.
    expected = [[1.224744871391589, 1.0, 1.5], [1.0, 1.0, 2.1213203435596424], [1.0, 1.0, 1.0]]
    np.testing.assert_allclose(scales.difference_std, expected, rtol=1e-12)


def test_no_difference_reaches_from_one_episode_to_the_next():
    scales = measured(STATES, RETURNS, np.array([True, False, True]))
    np.testing.assert_allclose(scales.difference_std, [[1.224744871391589, 1.0, 1.0], *2 * [[1.0] * 3]], rtol=1e-12)


def test_episodes_of_one_step_have_no_change():
    assert measured(STATES, RETURNS, np.ones(3, dtype=bool)).difference_std == ((1.0, 1.0, 1.0),) * 3


def test_a_component_that_never_changes_has_a_deviation_of_one(scales):
    assert scales.state_std[1] == 1.0
    assert Task(CHOICES, (), scales).normalize_states(STATES)[:, 1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [0.1, 1e3 / 3])
@pytest.mark.parametrize("pieces", [(1, 2, 3, 5, 7, 11), (10, 3), (1000, 999, 7)])
def test_a_component_that_is_constant_but_for_rounding_has_a_deviation_of_one(value, pieces):
    """A mean of many 0.1 is another number in its last digits, and the mean of some pieces a third."""
    sums = ScaleSums(2)
    for count in pieces:
        constant = np.full(count, value, np.float32)
        sums.add(np.stack([constant, np.arange(count)], axis=1), constant, np.arange(count) == 0)
    assert 0 < np.sqrt(sums.squares[[0, 2]] / sums.steps).max() < 1e-6 or sums.squares[0] == 0
    got = sums.scales(replace(CHOICES, components=("x", "y")))
    assert (got.state_std[0], got.return_std) == (1.0, 1.0)
    assert [row[0] for row in got.difference_std] == [1.0] * 3
    task = Task(replace(CHOICES, components=("x", "y")), (), got)
    np.testing.assert_allclose(task.normalize_states(np.full((3, 2), value, np.float32))[:, 0], 0.0, atol=1e-6)


def test_a_mean_of_one_piece_is_not_rounded_on_the_way():
    assert measured(np.ones((1, 1)), np.array([0.1]), np.ones(1, bool)).return_mean == 0.1


def test_a_return_that_never_changes_has_a_deviation_of_one():
    assert measured(STATES, np.full(3, 4.0), ONE_EPISODE).return_std == 1.0


def test_sums_are_taken_in_double_precision():
    # In float32 a running sum of 0.1 drifts away from the mean long before a million steps.
    states = np.random.default_rng(0).normal(1e4, 1.0, (200_000, 1)).astype(np.float32)
    scales = measured(states, states[:, 0], np.arange(200_000) == 0)
    expected = states.astype(np.float64)
    np.testing.assert_allclose(scales.state_mean[0], expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(scales.state_std[0], expected.std(), rtol=1e-9)
    np.testing.assert_allclose(scales.return_std, expected.std(), rtol=1e-9)


@examples(60)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    piece=st.integers(1, 4),
    centre=st.sampled_from([0.0, 1.0, -50.0]),
    seed=st.integers(0, 1000),
)
def test_steps_added_in_pieces_give_the_scales_of_all(lengths, piece, centre, seed):
    generator = np.random.default_rng(seed)
    episodes = [generator.normal(centre, 2.0, (length, 3)).astype(np.float32) for length in lengths]
    sums = ScaleSums(2)
    for first in range(0, len(episodes), piece):
        group = episodes[first : first + piece]
        starts = np.concatenate([np.arange(len(each)) == 0 for each in group])
        values = np.concatenate(group)
        sums.add(values[:, :2], values[:, 2], starts)
        sums.add(values[:0, :2], values[:0, 2], starts[:0])
    got, values = sums.scales(CHOICES), np.concatenate(episodes).astype(np.float64)
    std = values.std(axis=0) if len(values) > 1 else np.ones(3)
    differences = [
        np.concatenate([np.diff(each[:, :2].astype(np.float64), order, axis=0) for each in episodes]) / std[:2]
        for order in (1, 2, 3)
    ]
    np.testing.assert_allclose([*got.state_mean, got.return_mean], values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose([*got.state_std, got.return_std], std, rtol=1e-12)
    expected = [np.sqrt(np.square(each).mean(axis=0)) if len(each) else np.ones(2) for each in differences]
    np.testing.assert_allclose(got.difference_std, expected, rtol=1e-12)


def test_normalised_values_have_mean_zero_and_deviation_one(scales):
    task = Task(CHOICES, (), scales)
    states, returns = task.normalize_states(STATES), task.normalize_returns(RETURNS)
    np.testing.assert_allclose(states.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(states.std(axis=0), [1.0, 0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(returns, [-1.2247449, 0.0, 1.2247449], rtol=1e-6)


def test_actions_are_scaled_by_the_environment_s_range_whatever_was_done():
    sums = ScaleSums(3)
    sums.add(STATES, RETURNS, ONE_EPISODE)
    scales = sums.scales(VECTORS)
    assert (scales.action_middle, scales.action_half_range) == ((0.0, -0.75), (1.0, 1.25))
    assert (sums.scales(CHOICES).action_middle, sums.scales(CHOICES).action_half_range) == ((), ())
