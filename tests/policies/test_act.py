"""A policy and its memory of some rows: units, devices, and observations that no model can take."""

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.toys import CHOICES, CONFIGS, VECTORS, tiny_policy
from understudy.errors import DataError
from understudy.policies.act import FARTHEST, Acting
from understudy.step import Step

every_spec = pytest.mark.parametrize("spec", [CHOICES, VECTORS], ids=["choices", "vectors"])


def told(observations: np.ndarray, discrete_actions: bool = True) -> Step[np.ndarray]:
    """What rows are told at an episode's first step."""
    rows = len(observations)
    actions = np.zeros(rows, np.int64) if discrete_actions else np.zeros((rows, 2), np.float32)
    return Step(observations, actions, np.zeros(rows, np.float32), np.ones(rows, bool))


@pytest.mark.parametrize("value", [1e9, -1e9, np.inf, np.nan])
def test_an_observation_that_is_too_large_is_refused_as_bad_data(value):
    """In a worker of a stage, where only bad data is told in one sentence."""
    observations = np.zeros((2, 3), np.float32)
    observations[1, 2] = value
    with refused(DataError, "observation: expected values of at most 1e+08 once normalised, got"):
        Acting(tiny_policy("mlp", CHOICES), 2, {}).act(told(observations))


@pytest.mark.parametrize("value", [1e9, np.nan])
def test_what_is_hidden_may_be_anything(value):
    observations = np.float32([[0.5, value, -0.5]])
    decision = Acting(tiny_policy("mlp", CHOICES, hidden=("y",)), 1, {}).act(told(observations))
    assert decision.actions.shape == (1,)


def test_the_largest_observation_is_taken():
    """The toy's scales are a mean of 0.25 and a deviation of 0.5."""
    observations = np.full((1, 3), 0.5 * FARTHEST, np.float32)
    assert Acting(tiny_policy("mlp", CHOICES), 1, {}).act(told(observations)).actions.shape == (1,)


@every_spec
@pytest.mark.parametrize("family", CONFIGS)
@torch.inference_mode()
def test_all_that_a_policy_remembers_is_on_its_device(family, spec):
    """The meta device computes shapes alone, and refuses to mix with the CPU."""
    policy = tiny_policy(family, spec)
    policy.model.to("meta")
    acting = Acting(policy, 3, {})
    step = told(np.zeros((3, 3), np.float32), spec.discrete_actions)
    for _ in range(2):
        on_meta = Step(*(torch.from_numpy(values).to("meta") for values in vars(step).values()))
        decision = policy.model.act(acting.memory, on_meta)
        assert {each.device.type for each in vars(decision).values() if each is not None} == {"meta"}
        acting.reset(np.array([1]), np.array([7]))
        acting.reset(np.array([0, 2]))
    acting.keep(np.array([2, 0]))
    fewer = Step(*(values[:2] for values in vars(on_meta).values()))
    assert policy.model.act(acting.memory, fewer).actions.shape[0] == 2


@every_spec
def test_actions_are_arrays_that_gradients_may_flow_through(spec):
    decision = Acting(tiny_policy("action_transformer", spec), 1, {}).act(
        told(np.zeros((1, 3), np.float32), spec.discrete_actions)
    )
    weight = torch.ones(1, requires_grad=True)
    (weight * torch.from_numpy(decision.actions)).sum().backward()
    assert decision.options is None
