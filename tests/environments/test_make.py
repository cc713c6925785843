"""Environments by id: the specs of known ones are literal, the unsuitable are refused in one sentence."""

import sys
from contextlib import closing
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import PassiveEnvChecker

from tests.toys import CountingEnvironment
from understudy.environments.make import check_environment, describe, make_again, make_environment, read_spec
from understudy.errors import DataError, ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.spec import EnvironmentSpec

LANDER = ("x", "y", "vx", "vy", "angle", "angular_velocity", "left_contact", "right_contact")
SPECS = {
    "LunarLander-v3": EnvironmentSpec(
        "LunarLander-v3", {}, LANDER, 4, None, None, 200.0, action_names=("nothing", "left", "main", "right")
    ),
    "LunarLanderContinuous-v3": EnvironmentSpec(
        "LunarLanderContinuous-v3", {}, LANDER, None, (-1.0, -1.0), (1.0, 1.0), 200.0, action_names=("main", "lateral")
    ),
    "CartPole-v1": EnvironmentSpec(
        "CartPole-v1",
        {},
        ("x", "vx", "angle", "angular_velocity"),
        2,
        None,
        None,
        475.0,
        action_names=("left", "right"),
    ),
    "Pendulum-v1": EnvironmentSpec(
        "Pendulum-v1",
        {},
        ("observation_0", "observation_1", "observation_2"),
        None,
        (-2.0,),
        (2.0,),
        None,
        action_names=("torque",),
    ),
}


@pytest.fixture
def toy(monkeypatch):
    """Registers a toy environment with the given spaces under the id Toy-v0; what it returns tells what became of them."""

    def register(observation_space: spaces.Space, action_space: spaces.Space) -> list[str]:
        events = []

        class Toy(CountingEnvironment):
            def __init__(self, render_mode=None) -> None:
                super().__init__()
                self.observation_space, self.action_space = observation_space, action_space
                events.append("made")

            def close(self) -> None:
                events.append("closed")

        monkeypatch.setitem(gymnasium.registry, "Toy-v0", EnvSpec("Toy-v0", entry_point=Toy))
        return events

    return register


def refusal(environment_id: str, kwargs: dict) -> str:
    with pytest.raises(ParameterError) as caught:
        describe(make_environment(environment_id, kwargs))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("environment.id: expected ")
    return str(caught.value)


def test_lunar_lander_is_made_without_rendering():
    environment = make_environment("LunarLander-v3", {})
    assert environment.render_mode is None
    assert environment.unwrapped.render_mode is None
    assert environment.unwrapped.screen is None


def test_an_environment_that_would_render_by_itself_does_not(monkeypatch):
    class Toy(CountingEnvironment):
        metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

        def __init__(self, render_mode=None) -> None:
            super().__init__()
            self.render_mode = render_mode

    registered = EnvSpec("Toy-v0", entry_point=Toy, kwargs={"render_mode": "rgb_array"})
    monkeypatch.setitem(gymnasium.registry, "Toy-v0", registered)
    assert gymnasium.make("Toy-v0").render_mode == "rgb_array"
    assert make_environment("Toy-v0", {}).render_mode is None


def test_no_checker_stands_between():
    wrapper = make_environment("CartPole-v1", {})
    while wrapper is not wrapper.unwrapped:
        assert not isinstance(wrapper, PassiveEnvChecker)
        wrapper = wrapper.env


@pytest.mark.parametrize("environment_id", SPECS)
def test_specs_of_known_environments(environment_id):
    assert describe(make_environment(environment_id, {})) == SPECS[environment_id]


@pytest.mark.parametrize("environment_id", SPECS)
def test_a_spec_makes_the_same_environment_again(environment_id):
    spec = SPECS[environment_id]
    assert describe(make_environment(spec.environment_id, spec.kwargs)) == spec


def test_kwargs_reach_the_environment_and_the_spec():
    environment = make_environment("LunarLander-v3", {"gravity": -5.0})
    assert environment.unwrapped.gravity == -5.0
    assert describe(environment).kwargs == {"gravity": -5.0}


def test_a_kwarg_of_gymnasium_itself_is_kept_for_the_recordings():
    spec = describe(make_environment("CartPole-v1", {"max_episode_steps": 7}))
    again = make_environment(spec.environment_id, spec.kwargs)
    assert again.spec.max_episode_steps == 7


def test_a_kwarg_other_than_the_registered_one_is_kept():
    spec = describe(make_environment("LunarLanderContinuous-v3", {"continuous": False}))
    assert (spec.kwargs, spec.num_actions) == ({"continuous": False}, 4)
    assert describe(make_environment(spec.environment_id, spec.kwargs)) == spec
    assert describe(make_environment("LunarLanderContinuous-v3", {"continuous": True})).kwargs == {}


def test_a_module_that_registers_an_environment_stays_part_of_its_id(tmp_path, monkeypatch):
    """So that a process that has not imported the module can make it again."""
    (tmp_path / "toy_module.py").write_text(
        "import gymnasium\ngymnasium.register('Other-v0', entry_point='gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = read_spec(EnvironmentParams(id="toy_module:Other-v0", kwargs={}, wrappers=[]))
    assert (spec.environment_id, spec.num_actions) == ("toy_module:Other-v0", 2)
    gymnasium.registry.pop("Other-v0")
    monkeypatch.delitem(sys.modules, "toy_module")
    with closing(make_again(spec)) as environment:
        assert environment.observation_space.shape == (4,)
    gymnasium.registry.pop("Other-v0")


@pytest.mark.parametrize(
    ("environment_id", "kwargs", "says"),
    [
        ("LunarLandr-v3", {}, "`LunarLandr` doesn't exist. Did you mean: `LunarLander`?"),
        ("LunarLander-v2", {}, "Please use `LunarLander-v3` instead"),
        ("CartPole-v99", {}, "doesn't exist"),
        ("", {}, "Malformed environment ID"),
        ("no_such_module:Toy-v0", {}, "No module named 'no_such_module'"),
        ("LunarLander-v3", {"colour": "red"}, "unexpected keyword argument 'colour'"),
        ("LunarLander-v3", {"gravity": 5}, "must be between -12 and 0"),
        ("LunarLander-v3", {"gravity": "low"}, "not supported between"),
        ("CartPole-v1", {"max_episode_steps": -5}, "to be positive"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:gymnasium.*")
def test_what_cannot_be_made_is_refused_in_one_line(environment_id, kwargs, says):
    message = refusal(environment_id, kwargs)
    assert repr(environment_id) in message
    assert says in message


def test_any_failure_of_an_environments_constructor_is_told_in_one_line():
    refusal("FrozenLake-v1", {"map_name": "9x9"})


@pytest.mark.parametrize(
    ("environment_id", "says"),
    [
        (
            "CarRacing-v3",
            "CarRacing-v3 has Box(0, 255, (96, 96, 3), uint8); environment.wrappers: [{name: FlattenObservation}]",
        ),
    ],
)
def test_other_observations_than_vectors_are_refused(environment_id, says):
    assert says in refusal(environment_id, {})


VECTOR = spaces.Box(-1, 1, (3,), np.float32)


def test_an_observation_without_entries_is_refused(toy):
    toy(spaces.Box(-1, 1, (0,), np.float32), spaces.Discrete(2))
    assert "Toy-v0: environment.components: expected another kind of value, got ()" in refusal("Toy-v0", {})


@pytest.mark.parametrize(
    "action_space",
    [
        spaces.MultiDiscrete([[2, 2]]),
        spaces.MultiBinary([2, 2]),
        spaces.Box(-np.inf, np.inf, (2,), np.float32),
        spaces.Box(0, np.inf, (2,), np.float32),
        spaces.Box(-1, 1, (2, 2), np.float32),
        spaces.Box(-1, 1, (), np.float32),
        spaces.Dict({"left": spaces.Discrete(2)}),
        spaces.Box(np.asarray([-1, 0], np.float32), np.asarray([1, 0], np.float32)),
        spaces.Box(np.finfo(np.float32).min, np.finfo(np.float32).max, (1,), np.float32),
    ],
    ids=str,
)
def test_other_actions_than_choices_and_bounded_vectors_are_refused(toy, action_space):
    toy(VECTOR, action_space)
    refusal("Toy-v0", {})


def test_an_unknown_environments_components_are_numbered_and_its_bounds_kept(toy):
    toy(VECTOR, spaces.Box(np.asarray([-1, 0], np.float32), np.asarray([1, 0.5], np.float32)))
    spec = describe(make_environment("Toy-v0", {}))
    assert spec.components == ("observation_0", "observation_1", "observation_2")
    assert (spec.num_actions, spec.action_low, spec.action_high) == (None, (-1.0, 0.0), (1.0, 0.5))
    assert spec.solved_return is None


def test_an_environment_is_made_to_read_its_spec_and_closed(toy):
    events = toy(VECTOR, spaces.Discrete(2))
    spec = read_spec(EnvironmentParams(id="Toy-v0", kwargs={}))
    assert events == ["made", "closed"]
    assert spec == describe(make_environment("Toy-v0", {}))


def test_kwargs_reach_the_environment_whose_spec_is_read():
    assert read_spec(EnvironmentParams(id="LunarLander-v3", kwargs={"continuous": True})).num_actions is None


def test_an_environment_without_a_spec_is_closed(toy):
    events = toy(spaces.Text(3), spaces.Discrete(2))
    with pytest.raises(ParameterError, match="expected a vector observation"):
        read_spec(EnvironmentParams(id="Toy-v0", kwargs={}))
    assert events == ["made", "closed"]


CART_POLE = SPECS["CartPole-v1"]


@pytest.mark.parametrize("kwargs", [{}, {"max_episode_steps": 500}, {"sutton_barto_reward": False}], ids=str)
def test_a_policy_for_this_environment_passes(tmp_path, kwargs):
    made = describe(make_environment("CartPole-v1", kwargs))
    check_environment(tmp_path, made, read_spec(EnvironmentParams(id="CartPole-v1", kwargs=kwargs)))


@pytest.mark.parametrize(
    "other",
    [{"components": ("a", "b", "c", "d")}, {"num_actions": 3, "action_names": ()}, {"solved_return": 400.0}],
    ids=str,
)
def test_every_part_of_the_spec_counts(tmp_path, other):
    with pytest.raises(DataError, match=r"expected a policy for CartPole-v1 with .*; train it again"):
        check_environment(tmp_path, replace(CART_POLE, **other), CART_POLE)


@pytest.mark.parametrize(
    ("environment_id", "kwargs"), [("LunarLander-v3", {}), ("CartPole-v1", {"max_episode_steps": 7})], ids=str
)
def test_a_policy_for_another_environment_is_refused(tmp_path, environment_id, kwargs):
    with pytest.raises(
        DataError, match=f"expected a policy for {environment_id} with .*, got one for CartPole-v1 with {{}}"
    ):
        check_environment(tmp_path, CART_POLE, read_spec(EnvironmentParams(id=environment_id, kwargs=kwargs)))
