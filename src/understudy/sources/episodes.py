"""One episode from arrays of any origin, checked against the environment that it is said to come from.

make_episode(spec, observations, actions, ...) -> Episode
encoded(space, values)                        -- values of any flattenable space as vectors, T of them
choices_of(space, values)                      -- actions of several choices as one choice each
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from understudy.environments.spaces import can_be_flattened, is_vector
from understudy.episode import NO_OPTION, UNKNOWN_SEED, Episode
from understudy.errors import DataError
from understudy.spec import EnvironmentSpec

ROUNDING = 1e-5  # of an action's range, by which it may lie outside


def make_episode(
    spec: EnvironmentSpec,
    observations: Any,
    actions: Any,
    rewards: Any = None,
    *,
    terminated: bool = False,
    truncated: bool | None = None,
    final_observation: Any = None,
    seed: int | None = None,
    where: str = "episode",
) -> Episode:
    """An episode of one agent.

    Args:
        spec: of the environment; `understudy.read_environment` reads it by an id.
        observations: (T, S) what was seen before each step, or (T + 1, S) with what came after the last one.
        actions: (T,) or (T, 1) choices from 0 on, or (T, A) vectors in the environment's units.
        rewards: (T,) raw; None takes zero.
        terminated: whether the environment ended it.
        truncated: whether it was cut off; None takes what `terminated` is not.
        final_observation: (S,) what came after the last step; where nobody says, the last observation stands there.
        seed: with which the environment was reset; None where it is not known.
        where: what messages begin with.

    Raises:
        DataError: shapes or types do not fit, a number is not finite, or an action lies outside its space.
    """
    seen, done = _numbers(observations, "observations", where), _actions(spec, actions, where)
    paid = np.zeros(len(done)) if rewards is None else _numbers(rewards, "rewards", where).reshape(-1)
    _check_steps(spec, seen, done, paid, where)
    final = (
        seen[-1] if final_observation is None else _numbers(final_observation, "final_observation", where).reshape(-1)
    )
    if final.shape != (spec.state_dim,):
        raise DataError(f"{where}: final_observation: expected {spec.state_dim} entries, got {final.size}")
    return Episode(
        seed=UNKNOWN_SEED if seed is None else int(seed),
        observations=seen[: len(done)].astype(np.float32),
        actions=done,
        demonstrated_actions=done,
        rewards=paid.astype(np.float32),
        options=np.full(len(done), NO_OPTION, np.int16),
        final_observation=final.astype(np.float32),
        terminated=bool(terminated),
        truncated=not terminated if truncated is None else bool(truncated),
    )


def _check_steps(spec: EnvironmentSpec, seen: np.ndarray, done: np.ndarray, paid: np.ndarray, where: str) -> None:
    """Raise a DataError unless each action has its reward and its observation, which is one of the environment's."""
    if not len(done) or len(paid) != len(done) or len(seen) not in (len(done), len(done) + 1):
        raise DataError(
            f"{where}: expected as many observations and rewards as actions, at least one, or one observation more,"
            f" got {len(seen)} observations, {len(done)} actions, {len(paid)} rewards"
        )
    if seen.shape[1:] != (spec.state_dim,):
        raise DataError(
            f"{where}: observations: expected vectors of {spec.state_dim} entries, as {spec.environment_id} has,"
            f" got the shape {seen.shape[1:]}"
        )


def _numbers(values: Any, name: str, where: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        numbers = array.astype(np.float64) if array.dtype.kind in "biuf" else np.asarray(array.tolist(), np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: {name}: expected numbers in rows of one length, got something else") from None
    bad = ~np.isfinite(numbers) | (np.abs(numbers) > np.finfo(np.float32).max)
    if bad.any():
        step = int(np.argwhere(bad)[0][0]) if numbers.ndim else 0
        raise DataError(f"{where}: {name}: expected finite numbers, got {numbers[bad][0]} at step {step}")
    return numbers


def _actions(spec: EnvironmentSpec, actions: Any, where: str) -> np.ndarray:
    numbers = _numbers(actions, "actions", where)
    if spec.num_actions is not None:
        numbers = numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
        if numbers.ndim != 1:
            raise DataError(f"{where}: actions: expected one choice a step, got the shape {numbers.shape}")
        wrong = (numbers != np.round(numbers)) | (numbers < 0) | (numbers >= spec.num_actions)
        if wrong.any():
            step = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{where}: actions: expected choices from 0 to {spec.num_actions - 1}, got {numbers[step]:g} at step {step}"
            )
        return numbers.astype(np.int64)
    low, high = (np.asarray(bound, np.float64) for bound in spec.action_bounds)
    numbers = numbers[:, None] if numbers.ndim == 1 and len(low) == 1 else numbers
    if numbers.ndim != 2 or numbers.shape[1] != len(low):
        raise DataError(f"{where}: actions: expected vectors of {len(low)} entries, got the shape {numbers.shape[1:]}")
    slack = ROUNDING * (high - low)
    wrong = ((numbers < low - slack) | (numbers > high + slack)).any(axis=1)
    if wrong.any():
        step = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{where}: actions: expected vectors from {low.tolist()} to {high.tolist()}, got {numbers[step].tolist()}"
            f" at step {step}; environment.wrappers can rescale or clip the environment's actions"
        )
    return np.clip(numbers, low, high).astype(np.float32)


def encoded(space: spaces.Space[Any], values: Any, where: str) -> np.ndarray:
    """Observations (T, S) of values as Gymnasium batches them in a space: arrays, or dictionaries and tuples of arrays.

    Raises:
        DataError: there is an image, a text or the like in it.
    """
    if is_vector(space):
        return np.asarray(values)
    if not can_be_flattened(space):
        raise DataError(
            f"{where}: observations: expected vectors and choices, got {' '.join(str(space).split())};"
            " images and texts have to be made vectors before"
        )
    return np.stack([np.asarray(spaces.flatten(space, value)) for value in _one_by_one(space, values)])


def _one_by_one(space: spaces.Space[Any], values: Any) -> Sequence[Any]:
    if isinstance(space, spaces.Dict):
        parts = {key: _one_by_one(each, values[key]) for key, each in space.spaces.items()}
        return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]
    if isinstance(space, spaces.Tuple):
        return list(
            zip(*(_one_by_one(each, part) for each, part in zip(space.spaces, values, strict=True)), strict=True)
        )
    return list(np.asarray(values))


def choices_of(space: spaces.Space[Any], values: Any, where: str) -> np.ndarray:
    """Actions of a space of choices, numbered from 0 on as `JointAction` does; those of any other space as they are.

    Raises:
        DataError: a value lies outside the space.
    """
    if isinstance(space, spaces.Discrete):
        sizes, starts = np.asarray([space.n]), np.asarray([space.start])
    elif isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        sizes, starts = np.asarray(space.nvec), np.asarray(space.start)
    elif isinstance(space, spaces.MultiBinary) and isinstance(space.n, int):
        sizes, starts = np.full(space.n, 2), np.zeros(space.n, np.int64)
    else:
        return np.asarray(values)
    rows = np.asarray(values).reshape(-1, len(sizes)).astype(np.int64) - starts
    wrong = ((rows < 0) | (rows >= sizes)).any(axis=1)
    if wrong.any():
        got = (rows[wrong][0] + starts).tolist()
        raise DataError(f"{where}: actions: expected one of {' '.join(str(space).split())}, got {got}")
    return np.ravel_multi_index(tuple(rows.T), tuple(sizes.tolist()))
