"""Which episodes train: properties that hold for every number, share and seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.errors import DataError, ParameterError
from understudy.sequences.splits import split_episodes

COUNTS, SHARES, SEEDS = st.integers(2, 300), st.floats(0.001, 0.999), st.integers(0, 2**31 - 1)


@examples(200)
@given(count=COUNTS, share=SHARES, seed=SEEDS)
def test_every_episode_trains_or_is_held_out(count, share, seed):
    training, held_out = split_episodes(count, share, None, seed)
    assert sorted([*training, *held_out]) == list(range(count))
    assert len(training) >= 1
    assert len(held_out) >= 1
    assert training.tolist() == sorted(training)
    assert held_out.tolist() == sorted(held_out)


@examples(100)
@given(count=COUNTS, share=SHARES, seed=SEEDS, data=st.data())
def test_fewer_demonstrations_are_among_more_and_leave_the_held_out_alone(count, share, seed, data):
    everything, held_out = split_episodes(count, share, None, seed)
    more = data.draw(st.integers(1, len(everything)))
    fewer = data.draw(st.integers(1, more))
    some, held_out_then = split_episodes(count, share, more, seed)
    less, held_out_before = split_episodes(count, share, fewer, seed)
    assert (len(less), len(some)) == (fewer, more)
    assert set(less) <= set(some) <= set(everything)
    assert held_out_before.tolist() == held_out_then.tolist() == held_out.tolist()


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(200, 0.1, 20), (10, 0.25, 2), (7, 0.5, 4), (5, 0.01, 1), (5, 0.99, 4), (2, 0.5, 1)],
)
def test_the_share_of_the_episodes_is_held_out(count, share, expected):
    assert len(split_episodes(count, share, None, seed=0)[1]) == expected


def test_demonstrations_are_drawn_from_the_whole_recording():
    """Of 20 episodes 3 train: the chance that one of the 20 is never among those of 200 seeds is below 1e-12."""
    splits = [split_episodes(20, 0.1, 3, seed) for seed in range(200)]
    for drawn in zip(*splits, strict=True):
        assert set(np.concatenate(drawn).tolist()) == set(range(20))
    assert len({tuple(training.tolist()) for training, _ in splits}) > 150


def test_demonstrations_are_the_first_of_a_shuffled_order_behind_those_held_out():
    order = np.random.default_rng(7).permutation(10).tolist()
    training, held_out = split_episodes(10, 0.2, 3, seed=7)
    assert held_out.tolist() == sorted(order[:2])
    assert training.tolist() == sorted(order[2:5])


def test_the_same_seed_splits_the_same_and_another_does_not():
    first, again, other = (split_episodes(100, 0.2, None, seed)[1].tolist() for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_the_numbers_are_64_bit_integers():
    assert {numbers.dtype for numbers in split_episodes(10, 0.2, None, seed=0)} == {np.dtype(np.int64)}


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_episodes_are_refused(count):
    with refused(DataError, "expected at least 2 episodes", f"got {count}"):
        split_episodes(count, 0.5, None, seed=0)


def test_more_demonstrations_than_there_are_are_refused():
    with refused(ParameterError, "sequences.demonstrations: expected at most 8", "got 9"):
        split_episodes(10, 0.2, 9, seed=0)
