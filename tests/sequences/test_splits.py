"""Which episodes train: properties that hold for every number, share and seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.errors import DataError, ParameterError
from understudy.sequences.splits import read_groups, split_episodes, split_groups
from understudy.utils.jsonfile import write_json

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


GROUPS = ["a", "b", "a", "c", "d", "d", "d", "e"]


@examples(100)
@given(groups=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60), share=SHARES, seed=SEEDS)
def test_a_group_is_never_divided(groups, share, seed):
    if len(set(groups)) < 2:
        return
    training, held_out = split_groups(groups, share, None, seed)
    assert sorted([*training, *held_out]) == list(range(len(groups)))
    assert len(training) and len(held_out)
    assert not {groups[number] for number in training} & {groups[number] for number in held_out}


def test_the_share_is_one_of_the_groups():
    _, held_out = split_groups(GROUPS, 0.4, None, seed=0)
    assert len({GROUPS[number] for number in held_out}) == 2


def test_fewer_demonstrations_leave_the_held_out_groups_alone():
    some, held_out = split_groups(GROUPS, 0.2, 2, seed=3)
    everything, held_out_then = split_groups(GROUPS, 0.2, None, seed=3)
    assert len(some) == 2 and set(some) <= set(everything)
    assert held_out.tolist() == held_out_then.tolist()
    with refused(ParameterError, "sequences.demonstrations: expected at most", "got 9"):
        split_groups(GROUPS, 0.2, 9, seed=3)


def test_one_group_alone_is_refused():
    with refused(DataError, "sequences: expected at least 2 groups", "got 1"):
        split_groups(["a", "a"], 0.5, None, seed=0)


def test_groups_are_read_from_beside_the_recording(tmp_path):
    write_json(tmp_path / "runs.json", {"task": ["x", "y"], "group": ["g", "g"]})
    assert read_groups(tmp_path, "task", 2) == ["x", "y"]
    for by, count in (("group", 3), ("agent", 2)):
        with refused(DataError, f"runs.json: expected the {by} of each of {count} episodes"):
            read_groups(tmp_path, by, count)
