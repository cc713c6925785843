"""Returns-to-go against a loop that adds the rewards up from behind."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.errors import DataError
from understudy.sequences.returns import best_episodes, returns_to_go

REWARDS = st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), min_size=1, max_size=8)


def naive(episodes: list[list[float]]) -> list[float]:
    """Sum what is left of each episode, anew at every step."""
    return [sum(rewards[step:]) for rewards in episodes for step in range(len(rewards))]


def offsets_of(episodes: list[list[float]]) -> np.ndarray:
    return np.cumsum([0, *map(len, episodes)])


@examples(200)
@given(episodes=REWARDS)
def test_each_step_has_the_sum_of_what_follows_in_its_episode(episodes):
    rewards = np.asarray([reward for rewards in episodes for reward in rewards], dtype=np.float32)
    got = returns_to_go(rewards, offsets_of(episodes))
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, naive(episodes), rtol=0, atol=1e-8)


def test_an_example():
    got = returns_to_go(np.array([1.0, 2.0, 3.0, -5.0, 0.5], dtype=np.float32), np.array([0, 3, 4, 5]))
    assert got.tolist() == [6.0, 5.0, 3.0, -5.0, 0.5]


def test_small_rewards_behind_many_large_ones_are_not_lost():
    # Added up in float32, one is lost beside 2 ** 24.
    rewards = np.array([2.0**24, 1.0, 1.0], dtype=np.float32)
    assert returns_to_go(rewards, np.array([0, 1, 3])).tolist() == [2.0**24, 2.0, 1.0]


def test_the_best_episodes_are_those_with_the_highest_returns():
    """Returns of 1, 5, 2, 5 and 3."""
    returns = np.asarray([1.0, 5.0, 2.0, 5.0, 3.0])
    assert best_episodes(returns, 1, 0.2).tolist() == [1]
    assert best_episodes(returns, 1, 0.4).tolist() == [1, 3]
    assert best_episodes(returns, 1, 0.35).tolist() == [1, 3]  # 1.75 of them, rounded
    assert best_episodes(returns, 1, 1e-9).tolist() == [1]
    assert best_episodes(returns, 1, 1.0).tolist() == [0, 1, 2, 3, 4]


def test_of_several_agents_the_mean_counts():
    assert best_episodes(np.asarray([9.0, 1.0, 6.0, 6.0]), 2, 0.5).tolist() == [1]


def test_of_many_equal_ones_the_earliest_count():
    returns = np.tile([1.0, 0.0], 500)
    assert best_episodes(returns, 1, 0.1).tolist() == list(range(0, 200, 2))


def test_of_episodes_that_all_returned_the_same_none_is_best():
    with refused(
        DataError, "best_returns: expected episodes with different returns, of which 0.5 are", "got 3 of all 4"
    ):
        best_episodes(np.full(4, 3.0), 1, 0.5)
    assert best_episodes(np.full(4, 3.0), 1, 1.0).tolist() == [0, 1, 2, 3]
    assert best_episodes(np.full(1, 3.0), 1, 0.5).tolist() == [0]
