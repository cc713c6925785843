"""Episodes out of a model's imagination: whole, reproducible, in the environment's units."""

import numpy as np
import pytest
import torch

from tests.builders import CHOICES, VECTORS, refused
from tests.toys import tiny_policy
from understudy.errors import ParameterError
from understudy.policies.files import TrainedPolicy
from understudy.policies.imagine import imagine

SEEDS = np.arange(20, 28)
STARTS = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


def dreamer(spec=CHOICES, stop: float = -2.0) -> TrainedPolicy:
    policy = tiny_policy("trajectory_transformer", spec)
    with torch.no_grad():
        policy.model.stop_head.weight.zero_()
        policy.model.stop_head.bias.fill_(stop)
    return policy


@pytest.mark.parametrize("spec", [CHOICES, VECTORS], ids=["choices", "vectors"])
def test_episodes_begin_where_they_are_told_and_end_by_a_stop_or_after_so_many_steps(spec) -> None:
    episodes = list(imagine(dreamer(spec), STARTS, SEEDS, 12))
    assert [episode.seed for episode in episodes] == SEEDS.tolist()
    assert {episode.terminated for episode in episodes} == {True, False}
    for episode, start in zip(episodes, STARTS, strict=True):
        assert np.array_equal(episode.observations[0], start)
        assert episode.terminated != episode.truncated
        assert episode.length == 12 if episode.truncated else episode.length <= 12
        assert episode.final_observation.shape == (3,)
        assert np.array_equal(episode.actions, episode.demonstrated_actions)


def test_states_are_the_means_of_bins_in_the_environments_units() -> None:
    policy = dreamer()
    [episode, *_] = imagine(policy, STARTS, SEEDS, 5)
    means = policy.model.tokens.numbers.means[:3].numpy().T  # of each component's bins, (N, 3)
    known = policy.task.unnormalize_states(means)
    assert all(state[component] in known[:, component] for state in episode.observations[1:] for component in range(3))


def test_a_seed_imagines_the_same_alone_and_among_others() -> None:
    together = list(imagine(dreamer(), STARTS, SEEDS, 9))
    [alone] = imagine(dreamer(), STARTS[3:4], SEEDS[3:4], 9)
    for name, values in vars(alone).items():
        np.testing.assert_array_equal(values, getattr(together[3], name), err_msg=name)
    [other] = imagine(dreamer(), STARTS[3:4], SEEDS[4:5], 9)
    assert other.length != alone.length or not np.array_equal(other.observations, alone.observations)


def test_where_nothing_stops_all_episodes_are_truncated_and_where_all_does_they_have_one_step() -> None:
    assert {episode.length for episode in imagine(dreamer(stop=-100.0), STARTS, SEEDS, 4)} == {4}
    assert {episode.length for episode in imagine(dreamer(stop=100.0), STARTS, SEEDS, 4)} == {1}


def test_a_policy_that_is_no_model_of_trajectories_is_refused() -> None:
    with refused(ParameterError, "imagine: expected a policy of the family trajectory_transformer, got mlp"):
        next(imagine(tiny_policy("mlp", CHOICES), STARTS, SEEDS, 4))


def test_a_policy_that_does_not_see_all_is_refused() -> None:
    policy = tiny_policy("trajectory_transformer", CHOICES, hidden=("y",))
    with refused(ParameterError, "imagine: expected a policy that sees whole observations, got one without y"):
        next(imagine(policy, STARTS, SEEDS, 4))
