"""Wrappers of params.yaml: they stand around the environment and in its spec, and what is wrong with one is a sentence."""

import numpy as np
import pytest

from tests.builders import refused
from understudy.environments.make import make_again, read_spec
from understudy.environments.wrappers import REFUSED
from understudy.errors import ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.spec import EnvironmentSpec

RESCALED = {"name": "RescaleAction", "min_action": -1.0, "max_action": 1.0}


def spec_of(environment_id: str, *wrappers: dict) -> EnvironmentSpec:
    return read_spec(EnvironmentParams(id=environment_id, kwargs={}, wrappers=list(wrappers)))


def test_a_wrapper_is_in_the_spec_and_around_what_is_made_of_it():
    spec = spec_of("Pendulum-v1", RESCALED)
    assert (spec.action_low, spec.action_high, spec.wrappers) == ((-1.0,), (1.0,), (RESCALED,))
    assert EnvironmentSpec.from_json(spec.to_json()) == spec
    wrapped, bare = make_again(spec), make_again(spec_of("Pendulum-v1"))
    wrapped.reset(seed=3), bare.reset(seed=3)
    one, other = wrapped.step(np.asarray([0.5], np.float32)), bare.step(np.asarray([1.0], np.float32))
    np.testing.assert_array_equal(one[0], other[0])


def test_the_first_wrapper_is_the_innermost():
    stack = {"name": "FrameStackObservation", "stack_size": 2}
    assert spec_of("CartPole-v1", stack, {"name": "FlattenObservation"}).state_dim == 8
    with refused(ParameterError, "environment.id: expected a vector observation (Box)", "FlattenObservation"):
        spec_of("CartPole-v1", {"name": "FlattenObservation"}, stack)


def test_a_wrapper_of_one_s_own(tmp_path, monkeypatch):
    (tmp_path / "my_wrappers.py").write_text(
        "import gymnasium\n\n\nclass Half(gymnasium.RewardWrapper):\n    def reward(self, reward):\n        return reward / 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    environment = make_again(spec_of("CartPole-v1", {"name": "my_wrappers:Half"}))
    environment.reset(seed=0)
    assert environment.step(0)[1] == 0.5


@pytest.mark.parametrize(
    ("wrapper", "says"),
    [
        ({}, "environment.wrappers[0].name: expected the name of a wrapper, got None"),
        ({"name": "Nothing"}, "expected a wrapper of gymnasium.wrappers, or module:Class, got 'Nothing'"),
        ({"name": "np"}, "expected a wrapper of gymnasium.wrappers, or module:Class, got 'np'"),
        ({"name": "nowhere:Wrapper"}, "expected 'nowhere:Wrapper' in a module of custom/ or an installed one"),
        ({"name": "math:sqrt"}, "environment.wrappers[0]: expected arguments and an environment that math:sqrt takes"),
        ({"name": "builtins:id"}, "expected a wrapper that makes an environment, got 'builtins:id'"),
        ({"name": ":"}, "environment.wrappers[0].name: expected module:name, got ':'"),
        ({"name": "TransformObservation"}, "TransformObservation takes, got no arguments"),
        ({"name": "RescaleAction", "min_action": -1, "max_action": 1}, "RescaleAction takes, got"),
    ],
)
def test_what_is_wrong_with_a_wrapper_is_said(wrapper, says):
    with refused(ParameterError, says):
        spec_of("CartPole-v1", wrapper)


@pytest.mark.parametrize("name", REFUSED)
def test_wrappers_by_which_an_episode_would_not_follow_from_its_seed_are_refused(name):
    with refused(ParameterError, f"environment.wrappers[0].name: expected another wrapper than {name}: "):
        spec_of("CartPole-v1", {"name": name})
