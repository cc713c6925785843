"""Spaces of other kinds made into those that models know: a vector observed, and one choice or one vector done.

flatten_observation(environment)    -- Discrete one-hot; Dict, Tuple and the like one after the other in one vector
joint_action(environment)           -- several choices at once as one choice among all their combinations
component_names(space), action_names(space)  -- of the entries and of the choices, from the spaces alone

What is a vector and a choice already stays as it is, unwrapped.
"""

import itertools
import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation

MOST_CHOICES = 4096  # combinations; a model's head has an output for each
ONE_HOT = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def is_vector(space: spaces.Space[Any]) -> bool:
    """Whether it is a Box of one axis."""
    return isinstance(space, spaces.Box) and len(space.shape) == 1


def can_be_flattened(space: spaces.Space[Any]) -> bool:
    """Whether nothing but vectors and choices is in it: no image, no text, no sequence of any length."""
    if isinstance(space, spaces.Dict):
        return all(can_be_flattened(each) for each in space.spaces.values())
    if isinstance(space, spaces.Tuple):
        return all(can_be_flattened(each) for each in space.spaces)
    return isinstance(space, ONE_HOT) or (isinstance(space, spaces.Box) and len(space.shape) <= 1)


def flatten_observation(environment: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """The environment with its observation as a vector, where that can be done without a wrapper that is asked for."""
    space = environment.observation_space
    return FlattenObservation(environment) if not is_vector(space) and can_be_flattened(space) else environment


class JointAction(gymnasium.ActionWrapper[Any, Any, Any]):
    """Choices from 0 on, each of which stands for one combination of the environment's own.

    Combinations are in lexicographic order, the last entry varies fastest. A Discrete space that begins elsewhere than at 0 is
    one entry.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any]) -> None:
        super().__init__(environment)
        self.combinations = list(itertools.product(*_entries(environment.action_space)))
        self.action_space = spaces.Discrete(len(self.combinations))
        self.single = isinstance(environment.action_space, spaces.Discrete)
        self.dtype: Any = environment.action_space.dtype

    def action(self, action: Any) -> Any:
        """The environment's own action."""
        combination = self.combinations[int(action)]
        return self.dtype.type(combination[0]) if self.single else np.asarray(combination, self.dtype)


def joint_action(environment: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """The environment with one choice in place of several.

    Raises:
        ValueError: there are more combinations than a head can have outputs.
    """
    entries = _entries(environment.action_space)
    if not entries or (isinstance(environment.action_space, spaces.Discrete) and environment.action_space.start == 0):
        return environment
    count = math.prod(map(len, entries))
    if count > MOST_CHOICES:
        raise ValueError(f"expected at most {MOST_CHOICES} combinations of choices, got {count}")
    return JointAction(environment)


def _entries(space: spaces.Space[Any]) -> list[range]:
    """The choices of each entry of an action; empty where it is none of choices alone."""
    if isinstance(space, spaces.Discrete):
        return [range(int(space.start), int(space.start + space.n))]
    if isinstance(space, spaces.MultiDiscrete):
        starts = np.asarray(space.start).reshape(-1).tolist()
        sizes = np.asarray(space.nvec).reshape(-1).tolist()
        return (
            [range(start, start + size) for start, size in zip(starts, sizes, strict=True)]
            if space.nvec.ndim == 1
            else []
        )
    if isinstance(space, spaces.MultiBinary) and isinstance(space.n, int):
        return [range(2)] * space.n
    return []


def action_names(space: spaces.Space[Any]) -> tuple[str, ...]:
    """The combinations of a space of several choices, such as "0-2-1"; () for one choice, whose numbers say as much."""
    if isinstance(space, spaces.Discrete):
        return ()
    return tuple("-".join(map(str, combination)) for combination in itertools.product(*_entries(space)) if combination)


def component_names(space: spaces.Space[Any], name: str = "observation") -> tuple[str, ...]:
    """Names of the entries that flattening a space gives, in its order: `key_0` of a vector, `key=3` of a choice."""
    if isinstance(space, spaces.Dict):
        prefix = "" if name == "observation" else f"{name}."
        return tuple(entry for key, each in space.spaces.items() for entry in component_names(each, f"{prefix}{key}"))
    if isinstance(space, spaces.Tuple):
        return tuple(
            entry for index, each in enumerate(space.spaces) for entry in component_names(each, f"{name}_{index}")
        )
    if isinstance(space, spaces.Discrete):
        return tuple(f"{name}={value}" for value in range(int(space.start), int(space.start + space.n)))
    if isinstance(space, spaces.MultiDiscrete):
        sizes, starts = np.asarray(space.nvec).reshape(-1), np.asarray(space.start).reshape(-1)
        return tuple(
            f"{name}_{index}={start + value}"
            for index, (size, start) in enumerate(zip(sizes, starts, strict=True))
            for value in range(size)
        )
    if space.shape == ():
        return (name,)
    return tuple(f"{name}_{index}" for index in range(math.prod(space.shape or ())))
