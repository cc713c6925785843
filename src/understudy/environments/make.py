"""Environments by their id, and what they offer.

make_environment(id, kwargs)   -> gymnasium.Env, or ParallelEnvironment for several agents
describe(environment)          -> EnvironmentSpec
read_spec(id, kwargs)          -> EnvironmentSpec, of an environment that is made for it and closed
check_environment(folder, ...) -- whether a policy was made for the environment of params.yaml
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from understudy.environments.parallel import ParallelEnvironment, is_parallel, make_parallel
from understudy.errors import DataError, ParameterError
from understudy.spec import EnvironmentSpec

IMPORTED_BY_NAME = ("Box2D",)  # the physics, by gymnasium: another version of it makes stale what a stage has played
LUNAR_LANDER = ("x", "y", "vx", "vy", "angle", "angular_velocity", "left_contact", "right_contact")
COMPONENT_NAMES = {
    "LunarLander": LUNAR_LANDER,
    "LunarLanderContinuous": LUNAR_LANDER,
    "CartPole": ("x", "vx", "angle", "angular_velocity"),
}

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


def make_environment(environment_id: str, kwargs: dict[str, Any]) -> gymnasium.Env | ParallelEnvironment:
    """Make one environment, without rendering: LunarLander's exhaust, drawn or not, collides, and a step takes 4.6 times as long.

    Raises:
        ParameterError: neither Gymnasium nor PettingZoo knows the id, a package it needs is not installed, or it refuses the
            kwargs; or several agents are not all of one kind.
    """
    arguments = {"render_mode": None, **kwargs}
    try:
        if is_parallel(environment_id):
            return ParallelEnvironment(make_parallel(environment_id, arguments), environment_id, kwargs)
        environment = gymnasium.make(environment_id, disable_env_checker=True, **arguments)
    except ParameterError:
        raise
    except REFUSALS as error:
        problem, maker = " ".join(str(error).split()), "PettingZoo" if is_parallel(environment_id) else "Gymnasium"
        raise ParameterError(
            f"environment.id: expected an environment that {maker} can make, got {environment_id!r}"
            f" with {kwargs or 'no kwargs'}: {problem}"
        ) from None
    if ":" in environment_id:
        environment.close()
        raise ParameterError(
            f"environment.id: expected an id that Gymnasium knows by itself, got {environment_id!r};"
            " a package registers its environments through the entry point gymnasium.envs"
        )
    return environment


def describe(environment: gymnasium.Env | ParallelEnvironment) -> EnvironmentSpec:
    """Read an environment's spec off its spaces.

    Raises:
        ParameterError: the observation is no float vector, or an empty one; or the action is neither a choice nor a float vector
            within bounds that are finite and apart.
    """
    observation_space, action_space = environment.observation_space, environment.action_space
    several = isinstance(environment, ParallelEnvironment)
    name = environment.id if several else environment.spec.id
    if not (isinstance(observation_space, gymnasium.spaces.Box) and len(observation_space.shape) == 1):
        raise ParameterError(f"environment.id: expected a vector observation (Box), {name} has {observation_space}")
    if isinstance(action_space, gymnasium.spaces.Discrete) and action_space.start == 0:
        num_actions, low, high = int(action_space.n), None, None
    elif isinstance(action_space, gymnasium.spaces.Box) and action_space.shape and action_space.is_bounded():
        num_actions, low, high = None, _as_floats(action_space.low), _as_floats(action_space.high)
    else:
        raise ParameterError(
            f"environment.id: expected actions that are Discrete or a bounded Box, {name} has {action_space}"
        )
    size = observation_space.shape[0]
    components = environment.components() if several else COMPONENT_NAMES.get(environment.spec.name, ())
    if len(components) != size:
        components = tuple(f"observation_{index}" for index in range(size))
    threshold = None if several else environment.spec.reward_threshold
    try:
        return EnvironmentSpec(
            environment_id=name,
            kwargs=environment.kwargs if several else _kwargs(environment),
            components=components,
            num_actions=num_actions,
            action_low=low,
            action_high=high,
            solved_return=None if threshold is None else float(threshold),
            num_agents=environment.num_agents if several else 1,
        )
    except ValueError as error:
        raise ParameterError(f"environment.id: expected another environment than {name}: {error}") from None


def _as_floats(bounds: np.ndarray) -> tuple[float, ...]:
    if bounds.ndim != 1:
        raise ParameterError(f"environment.id: expected an action vector, got a box of shape {bounds.shape}")
    return tuple(float(bound) for bound in bounds)


def read_spec(environment_id: str, kwargs: dict[str, Any]) -> EnvironmentSpec:
    """What the environment with this id offers; a stage asks once and hands the spec on.

    Raises:
        ParameterError: as `make_environment` and `describe`.
    """
    with closing(make_environment(environment_id, kwargs)) as environment:
        return describe(environment)


def check_environment(folder: Path, spec: EnvironmentSpec, expected: EnvironmentSpec) -> None:
    """Raise a DataError where the policy in `folder`, made for `spec`, is for another environment than params.yaml names."""
    if spec != expected:
        raise DataError(
            f"{folder}: expected a policy for {expected.environment_id} with {expected.kwargs},"
            f" got one for {spec.environment_id} with {spec.kwargs}; train it again"
        )


def _kwargs(environment: gymnasium.Env) -> dict[str, Any]:
    """The kwargs that make this environment again, beyond those its id stands for."""
    registered = gymnasium.spec(environment.spec.id)
    kwargs = {
        key: value
        for key, value in environment.spec.kwargs.items()
        if key != "render_mode" and (key not in registered.kwargs or registered.kwargs[key] != value)
    }
    # gymnasium.make keeps this one apart from the others.
    if environment.spec.max_episode_steps != registered.max_episode_steps:
        kwargs["max_episode_steps"] = environment.spec.max_episode_steps
    return kwargs
