"""Time of a step, by policies whose clock is known."""

import time

import numpy as np

from tests.builders import CHOICES, VECTORS
from tests.models.cases import Case
from tests.pruning.policies import policy_of
from understudy.pruning.timing import microseconds_a_step


def slowed(policy, seconds):
    act = policy.model.act

    def slow(*arguments):
        time.sleep(seconds)
        return act(*arguments)

    policy.model.act = slow
    return policy


def test_it_is_that_of_a_step_whatever_the_number_of_steps():
    policies = {
        name: (slowed(policy_of(Case("mlp", CHOICES)), seconds), {}) for name, seconds in (("slow", 0.02), ("fast", 0))
    }
    taken = microseconds_a_step(policies, np.zeros((2, 3), np.float32), rounds=2, steps=2)
    assert list(taken) == ["slow", "fast"]
    assert 20_000 < taken["slow"] < 60_000
    assert taken["fast"] < 0.5 * taken["slow"]


def test_actions_may_be_vectors():
    taken = microseconds_a_step(
        {"it": (policy_of(Case("mlp", VECTORS)), {})}, np.zeros((1, 3), np.float32), rounds=1, steps=1
    )
    assert taken["it"] > 0
