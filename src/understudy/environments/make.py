"""Environments by their id, and what they offer.

make_environment(id, kwargs, wrappers) -> gymnasium.Env, or ParallelEnvironment for several agents
describe(environment, wrappers)        -> EnvironmentSpec
read_spec(params)                      -> EnvironmentSpec, of an environment that is made for it and closed
make_again(spec)                       -> an environment of that spec
check_environment(folder, ...)         -- whether a policy was made for the environment of params.yaml
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import FlattenObservation

from understudy.environments.parallel import ParallelEnvironment, is_parallel, make_parallel
from understudy.environments.spaces import JointAction, action_names, component_names, flatten_observation, joint_action
from understudy.environments.wrappers import wrap
from understudy.errors import DataError, ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.spec import EnvironmentSpec

IMPORTED_BY_NAME = ("Box2D",)  # the physics, by gymnasium: another version of it makes stale what a stage has played
LUNAR_LANDER = ("x", "y", "vx", "vy", "angle", "angular_velocity", "left_contact", "right_contact")
COMPONENT_NAMES = {
    "LunarLander": LUNAR_LANDER,
    "LunarLanderContinuous": LUNAR_LANDER,
    "CartPole": ("x", "vx", "angle", "angular_velocity"),
}
# As their documentation numbers them.
ACTION_NAMES: dict[str, tuple[str, ...]] = {
    "Acrobot": ("negative", "nothing", "positive"),
    "Blackjack": ("stick", "hit"),
    "CartPole": ("left", "right"),
    "CliffWalking": ("up", "right", "down", "left"),
    "FrozenLake": ("left", "down", "right", "up"),
    "LunarLander": ("nothing", "left", "main", "right"),
    "LunarLanderContinuous": ("main", "lateral"),
    "MountainCar": ("left", "nothing", "right"),
    "Pendulum": ("torque",),
    "Taxi": ("south", "north", "east", "west", "pickup", "dropoff"),
}

PARALLEL_ACTIONS: dict[str, tuple[str, ...]] = {"mpe2.simple_spread_v3": ("stay", "left", "right", "down", "up")}

# What constructors of environments raise at arguments they do not like; they promise nothing.
REFUSALS = (
    gymnasium.error.Error,
    ImportError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def make_environment(
    environment_id: str, kwargs: Mapping[str, Any], wrappers: Sequence[Mapping[str, Any]] = ()
) -> gymnasium.Env | ParallelEnvironment:
    """Make one environment, without rendering: LunarLander's exhaust, drawn or not, collides, and a step takes 4.6 times as long.

    Within the wrappers, observations of choices and of several parts become a vector, and several choices at once become one.

    Args:
        environment_id: Gymnasium's, `module:Name-v0` where importing the module registers it; or that of one of PettingZoo's
            parallel environments.
        kwargs: passed to its maker; a `render_mode` among them is what the environment then draws.
        wrappers: around it, the first one innermost; see `environments.wrappers`.

    Raises:
        ParameterError: neither Gymnasium nor PettingZoo knows the id, a package it needs is not installed, or it refuses the
            kwargs or a wrapper; or several agents are not all of one kind.
    """
    arguments = {"render_mode": None, **kwargs}
    try:
        if is_parallel(environment_id):
            if wrappers:
                raise ParameterError(
                    f"environment.wrappers: expected none for the agents of {environment_id}, got some"
                )
            return ParallelEnvironment(make_parallel(environment_id, arguments), environment_id, dict(kwargs))
        environment = gymnasium.make(environment_id, disable_env_checker=True, **arguments)
    except ParameterError:
        raise
    except REFUSALS as error:
        problem, maker = " ".join(str(error).split()), "PettingZoo" if is_parallel(environment_id) else "Gymnasium"
        raise ParameterError(
            f"environment.id: expected an environment that {maker} can make, got {environment_id!r}"
            f" with {kwargs or 'no kwargs'}: {problem}"
        ) from None
    with ExitStack() as failing:
        failing.callback(environment.close)
        wrapped = wrap(environment, wrappers)
        try:
            wrapped = joint_action(flatten_observation(wrapped))
        except ValueError as error:
            raise ParameterError(
                f"environment.id: expected another environment than {environment_id}: {error}"
            ) from None
        failing.pop_all()
    return wrapped


def make_again(spec: EnvironmentSpec) -> gymnasium.Env | ParallelEnvironment:
    """An environment of this spec."""
    return make_environment(spec.environment_id, spec.kwargs, spec.wrappers)


def describe(
    environment: gymnasium.Env | ParallelEnvironment, wrappers: Sequence[Mapping[str, Any]] = (), module: str = ""
) -> EnvironmentSpec:
    """Read an environment's spec off its spaces.

    Args:
        environment: as `make_environment` makes it.
        wrappers: those it was made with.
        module: which registers it, where that is not Gymnasium's own doing; part of its id from then on.

    Raises:
        ParameterError: the observation is no float vector, or an empty one; or the action is neither a choice nor a float vector
            within bounds that are finite and apart.
    """
    observation_space, action_space = environment.observation_space, environment.action_space
    if isinstance(environment, ParallelEnvironment):
        name, kwargs, components = environment.id, environment.kwargs, environment.components()
        threshold, num_agents, actions = None, environment.num_agents, PARALLEL_ACTIONS.get(environment.id, ())
    else:
        registered = _registered(environment)
        name, kwargs = f"{module}:{registered.id}" if module else registered.id, _kwargs(registered)
        components = _components(environment, registered.name)
        threshold, num_agents = registered.reward_threshold, 1
        actions = _named_actions(environment, registered.name)
    if not (isinstance(observation_space, gymnasium.spaces.Box) and len(observation_space.shape) == 1):
        raise ParameterError(
            f"environment.id: expected a vector observation (Box), or one of choices and vectors, {name} has"
            f" {' '.join(str(observation_space).split())}; environment.wrappers: [{{name: FlattenObservation}}] flattens it"
        )
    num_actions, low, high = _actions(action_space, name)
    size = observation_space.shape[0]
    if len(components) != size:
        components = tuple(f"observation_{index}" for index in range(size))
    try:
        return EnvironmentSpec(
            environment_id=name,
            kwargs=kwargs,
            components=components,
            num_actions=num_actions,
            action_low=low,
            action_high=high,
            solved_return=None if threshold is None else float(threshold),
            num_agents=num_agents,
            wrappers=tuple(dict(each) for each in wrappers),
            action_names=actions if len(actions) == (num_actions or len(low or ())) else (),
        )
    except ValueError as error:
        raise ParameterError(f"environment.id: expected another environment than {name}: {error}") from None


def _actions(
    space: gymnasium.spaces.Space[Any], name: str
) -> tuple[int | None, tuple[float, ...] | None, tuple[float, ...] | None]:
    """The number of choices, or the bounds of a vector."""
    if isinstance(space, gymnasium.spaces.Discrete) and space.start == 0:
        return int(space.n), None, None
    if isinstance(space, gymnasium.spaces.Box) and space.shape and space.is_bounded():
        return None, _as_floats(space.low), _as_floats(space.high)
    raise ParameterError(f"environment.id: expected actions that are Discrete or a bounded Box, {name} has {space}")


def _as_floats(bounds: np.ndarray) -> tuple[float, ...]:
    if bounds.ndim != 1:
        raise ParameterError(f"environment.id: expected an action vector, got a box of shape {bounds.shape}")
    return tuple(float(bound) for bound in bounds)


def read_spec(params: EnvironmentParams) -> EnvironmentSpec:
    """What the environment of params.yaml offers; a stage asks once and hands the spec on.

    Raises:
        ParameterError: as `make_environment` and `describe`.
    """
    with closing(make_environment(params.id, params.kwargs, params.wrappers)) as environment:
        return describe(environment, params.wrappers, params.id.rpartition(":")[0])


def _layers(environment: gymnasium.Env) -> Iterator[gymnasium.Env]:
    """The environment and what it wraps, from the outside in."""
    while True:
        yield environment
        if not isinstance(environment, gymnasium.Wrapper):
            return
        environment = environment.env


def _components(environment: gymnasium.Env, name: str) -> tuple[str, ...]:
    """Names of the observation's entries: those known, or those of the space that was flattened last."""
    for layer in _layers(environment):
        if isinstance(layer, FlattenObservation):
            return component_names(layer.env.observation_space)
    return COMPONENT_NAMES.get(name, ())


def _named_actions(environment: gymnasium.Env, name: str) -> tuple[str, ...]:
    for layer in _layers(environment):
        if isinstance(layer, JointAction):
            return action_names(layer.env.action_space)
    return ACTION_NAMES.get(name, ())


def check_environment(folder: Path, spec: EnvironmentSpec, expected: EnvironmentSpec) -> None:
    """Raise a DataError where the policy in `folder`, made for `spec`, is for another environment than params.yaml names."""
    if spec != expected:
        raise DataError(
            f"{folder}: expected a policy for {expected.described}, got one for {spec.described}; train it again"
        )


def _registered(environment: gymnasium.Env) -> EnvSpec:
    """What Gymnasium knows of an environment that it has made."""
    if environment.spec is None:
        raise ParameterError(f"environment.id: expected an environment made by its id, got {environment}")
    return environment.spec


def _kwargs(spec: EnvSpec) -> dict[str, Any]:
    """The kwargs that make this environment again, beyond those its id stands for."""
    registered = gymnasium.spec(spec.id)
    kwargs = {
        key: value
        for key, value in spec.kwargs.items()
        if key != "render_mode" and (key not in registered.kwargs or registered.kwargs[key] != value)
    }
    # gymnasium.make keeps this one apart from the others.
    if spec.max_episode_steps != registered.max_episode_steps:
        kwargs["max_episode_steps"] = spec.max_episode_steps
    return kwargs
