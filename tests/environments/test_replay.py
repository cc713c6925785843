"""An environment that is rebuilt from a snapshot goes on exactly like the one that the snapshot was taken of."""

import numpy as np
import pytest

from understudy.environments.make import make_environment
from understudy.environments.replay import ReplayableEnvironment


def new(environment_id):
    return ReplayableEnvironment(make_environment(environment_id, {}))


def go_on(environment, actions):
    steps = [environment.step(action) for action in actions]
    return np.stack([step[0] for step in steps]), [step[1:4] for step in steps]


@pytest.mark.parametrize("environment_id", ["LunarLander-v3", "LunarLanderContinuous-v3", "CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("episodes", [1, 3], ids=["seeded", "later"])
def test_a_rebuilt_environment_goes_on_like_the_original(environment_id, episodes):
    original = new(environment_id)
    original.action_space.seed(0)
    original.reset(seed=5)
    for _ in range(episodes - 1):
        original.step(original.action_space.sample())
        original.reset()
    for _ in range(6):
        original.step(original.action_space.sample())
    rebuilt = new(environment_id)
    rebuilt.restore(original.snapshot())
    actions = [original.action_space.sample() for _ in range(6)]
    seen, outcomes = go_on(original, actions)
    seen_again, outcomes_again = go_on(rebuilt, actions)
    np.testing.assert_array_equal(seen_again, seen)
    assert outcomes_again == outcomes
    np.testing.assert_array_equal(rebuilt.reset()[0], original.reset()[0])


def test_an_action_that_is_written_over_afterwards_is_remembered_as_it_was():
    environment, action = new("Pendulum-v1"), np.ones(1, np.float32)
    environment.reset(seed=1)
    for value in (1.0, -1.0):
        action[:] = value
        environment.step(action)
    assert environment.snapshot()["actions"].tolist() == [[1.0], [-1.0]]


def test_a_snapshot_before_the_first_step_has_no_actions():
    environment = new("CartPole-v1")
    environment.reset(seed=1)
    assert len(environment.snapshot()["actions"]) == 0
