"""Spaces of choices and of several parts as vectors, and several choices as one: against Gymnasium's own flattening."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from tests.builders import refused
from tests.toys import CountingEnvironment
from understudy.environments.make import describe, make_again, make_environment, read_spec
from understudy.environments.spaces import JointAction, action_names, can_be_flattened, component_names, is_vector
from understudy.errors import ParameterError
from understudy.params.environment import EnvironmentParams

BOX = spaces.Box(-1, 1, (2,), np.float32)
NAMES = {
    "a choice": (spaces.Discrete(3), ("observation=0", "observation=1", "observation=2")),
    "a choice that begins elsewhere": (spaces.Discrete(2, start=5), ("observation=5", "observation=6")),
    "several choices": (spaces.MultiDiscrete([2, 1]), ("observation_0=0", "observation_0=1", "observation_1=0")),
    "switches": (spaces.MultiBinary(2), ("observation_0", "observation_1")),
    "a number": (spaces.Box(-1, 1, (), np.float32), ("observation",)),
    "parts with names": (
        spaces.Dict({"goal": BOX, "at": spaces.Dict({"floor": spaces.Discrete(2)})}),
        ("at.floor=0", "at.floor=1", "goal_0", "goal_1"),
    ),
    "parts without": (
        spaces.Tuple((spaces.Discrete(2), BOX)),
        ("observation_0=0", "observation_0=1", "observation_1_0", "observation_1_1"),
    ),
}


@pytest.mark.parametrize(("space", "names"), NAMES.values(), ids=NAMES)
def test_every_entry_has_a_name_in_the_order_of_flattening(space, names):
    assert can_be_flattened(space)
    assert component_names(space) == names
    assert spaces.flatten_space(space).shape == (len(names),)


def test_the_name_of_a_choice_is_where_its_one_is():
    space = spaces.Dict({"b": spaces.Discrete(3), "a": spaces.Discrete(2, start=4)})
    flat = spaces.flatten(space, {"b": 1, "a": 5})
    assert [name for name, value in zip(component_names(space), flat, strict=True) if value] == ["a=5", "b=1"]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (4, 4), np.uint8),
        spaces.Text(3),
        spaces.Sequence(BOX),
        spaces.Dict({"image": spaces.Box(0, 1, (2, 2))}),
    ],
)
def test_images_texts_and_sequences_are_not_flattened_unasked(space):
    assert not can_be_flattened(space) and not is_vector(space)


class Doing(CountingEnvironment):
    def __init__(self, action_space: spaces.Space) -> None:
        super().__init__()
        self.action_space = action_space


@pytest.mark.parametrize(
    ("space", "names", "third"),
    [
        (spaces.MultiDiscrete([2, 3]), ("0-0", "0-1", "0-2", "1-0", "1-1", "1-2"), [0, 2]),
        (spaces.MultiDiscrete([1, 3], start=[4, 7]), ("4-7", "4-8", "4-9"), [4, 9]),
        (spaces.MultiBinary(2), ("0-0", "0-1", "1-0", "1-1"), [1, 0]),
        (spaces.Discrete(4, start=-1), (), 1),
    ],
)
def test_a_choice_stands_for_a_combination(space, names, third):
    environment = JointAction(Doing(space))
    assert action_names(space) == names
    assert environment.action_space.n == (len(names) or 4)
    environment.reset(seed=0)
    environment.step(2)
    [executed] = environment.unwrapped.actions
    np.testing.assert_array_equal(executed, third)
    assert space.contains(executed)


def registered(monkeypatch, observation_space: spaces.Space, action_space: spaces.Space) -> EnvironmentParams:
    class Toy(CountingEnvironment):
        def __init__(self, render_mode=None) -> None:
            super().__init__()
            self.observation_space, self.action_space = observation_space, action_space

        def _observe(self):
            return observation_space.sample()

    monkeypatch.setitem(gymnasium.registry, "Toy-v0", EnvSpec("Toy-v0", entry_point=Toy))
    return EnvironmentParams(id="Toy-v0", kwargs={})


def test_a_spec_of_parts_and_combinations_makes_the_same_environment_again(monkeypatch):
    params = registered(monkeypatch, spaces.Dict({"at": spaces.Discrete(3), "goal": BOX}), spaces.MultiDiscrete([2, 2]))
    spec = read_spec(params)
    assert spec.components == ("at=0", "at=1", "at=2", "goal_0", "goal_1")
    assert (spec.num_actions, spec.action_labels) == (4, ("0-0", "0-1", "1-0", "1-1"))
    environment = make_again(spec)
    observation, _ = environment.reset(seed=1)
    assert observation.shape == (5,)
    assert observation[:3].sum() == 1


def test_too_many_combinations_are_refused(monkeypatch):
    params = registered(monkeypatch, BOX, spaces.MultiDiscrete([20, 20, 20]))
    with refused(ParameterError, "environment.id: ", "expected at most 4096 combinations of choices, got 8000"):
        read_spec(params)


@pytest.mark.parametrize(
    ("environment_id", "state_dim", "first", "actions"),
    [
        ("FrozenLake-v1", 16, "observation=0", ("left", "down", "right", "up")),
        ("Taxi-v4", 500, "observation=0", ("south", "north", "east", "west", "pickup", "dropoff")),
        ("Blackjack-v1", 45, "observation_0=0", ("stick", "hit")),
    ],
)
def test_gymnasium_s_environments_of_choices(environment_id, state_dim, first, actions):
    spec = describe(make_environment(environment_id, {}))
    assert (spec.state_dim, spec.components[0], spec.action_labels) == (state_dim, first, actions)
