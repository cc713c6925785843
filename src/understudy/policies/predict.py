"""Trained policies by stable-baselines3's `predict`, for use outside of the pipeline.

Policy              -- a trained policy with `predict`
PolicyState         -- what a policy remembers between two calls
load_policy(folder) -- one from disk
"""

import numbers
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.errors import DataError
from understudy.policies.act import Acting, is_small
from understudy.policies.build import check_play
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.spec import EnvironmentSpec
from understudy.step import Step

SEED_FOLDER = "seed_"


@dataclass
class PolicyState:
    """What a policy remembers between two calls of `predict`; made by the policy, handed back by the caller."""

    policy: "Policy"
    acting: Acting
    previous_action: np.ndarray
    is_first: np.ndarray
    episodes: int = 0  # begun so far: an episode's number is its seed, for policies that draw by that

    def begin_episodes(self, rows: np.ndarray) -> None:
        """Let `rows` (R,) int64 forget the past."""
        self.acting.reset(rows, self.episodes + np.arange(len(rows)))
        self.episodes += len(rows)

    def begin_step(self, observations: np.ndarray, starts: np.ndarray, rewards: np.ndarray) -> Step[np.ndarray]:
        """What the rows are told, of which those at `starts` (B,) bool forget the past."""
        if starts.any():
            self.begin_episodes(np.flatnonzero(starts))
        self.is_first |= starts
        self.previous_action[self.is_first], rewards[self.is_first] = 0, 0
        return Step(observations, self.previous_action, rewards, self.is_first)

    def end_step(self, actions: np.ndarray) -> None:
        """These actions are taken to be executed."""
        self.previous_action, self.is_first = actions.copy(), np.zeros_like(self.is_first)


class Policy:
    """A trained policy that acts on raw observations.

    Args:
        trained: model and interface.
        play: settings of its family's `begin`, such as those under `play:` in params.yaml; None for its defaults.

    Raises:
        ParameterError: the family knows no such setting.
    """

    def __init__(self, trained: TrainedPolicy, play: Mapping[str, Any] | None = None) -> None:
        self.trained, self.play = trained, dict(play or {})
        check_play(trained.family, self.play, f"{trained.family}.play")
        self.generator = torch.Generator().manual_seed(0)  # draws the actions that are not deterministic
        self._small = is_small(trained)

    def predict(
        self,
        observation: np.ndarray,
        state: PolicyState | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        previous_reward: np.ndarray | None = None,
    ) -> tuple[np.ndarray, PolicyState]:
        """Act as stable-baselines3's policies do; the action of each call is taken to be executed.

        Args:
            observation: raw, (S,) for one environment or (B, S) for B; (N, S) or (B, N, S) where N > 1 agents act.
            state: what the last call returned, None to begin; it is updated in place.
            episode_start: (B,) bool, rows that begin a new episode and forget the past.
            deterministic: the likeliest action rather than a drawn one.
            previous_reward: (B,) or (B, N), raw, what the last action was paid; needed by policies that aim for a return, None
                for 0.

        Returns:
            The action, () or (A,) for one environment and (B,) or (B, A) for B, each agent's where there are several, and the
            state for the next call.

        Raises:
            ValueError: an argument of another shape or not finite, or another number of rows than in the state.
        """
        observations, single = self._observations(observation)
        state = self._new_state(len(observations)) if state is None else self._own_state(state, len(observations))
        agents, rows = self.trained.task.num_agents, len(observations) // self.trained.task.num_agents
        starts = np.zeros(rows, bool)
        if episode_start is not None:
            starts = np.atleast_1d(_real_numbers("episode_start", episode_start, "b"))
            if starts.shape != (rows,):
                raise ValueError(f"episode_start: expected shape ({rows},), got {starts.shape}")
        step = state.begin_step(observations, starts.repeat(agents), self._rewards(previous_reward, len(observations)))
        with _one_thread() if self._small else nullcontext():
            actions = state.acting.act(step, None if deterministic else self.generator).actions
        state.end_step(actions)
        actions = actions if agents == 1 else actions.reshape(rows, agents, *actions.shape[1:])
        return (actions[0] if single else actions), state

    def _observations(self, observation: np.ndarray) -> tuple[np.ndarray, bool]:
        """Observations (B * N, S) float32, and whether they are of one environment alone."""
        environment = self.trained.task.environment
        observations = _real_numbers("observation", observation, "biuf").astype(np.float32)
        agents = environment.num_agents
        shape = (environment.state_dim,) if agents == 1 else (agents, environment.state_dim)
        single = observations.shape == shape
        if not single and (observations.ndim != 1 + len(shape) or observations.shape[1:] != shape):
            rows = ", ".join(map(str, ("rows", *shape)))
            raise ValueError(f"observation: expected shape {shape} or ({rows}), got {np.shape(observation)}")
        if not np.isfinite(observations).all():
            raise ValueError(f"observation: expected finite values, got {observations[~np.isfinite(observations)][0]}")
        return observations.reshape(-1, environment.state_dim), single

    def _new_state(self, num_rows: int) -> PolicyState:
        task = self.trained.task
        entries, kind = ((), np.int64) if task.discrete_actions else ((task.action_dim,), np.float32)
        acting = Acting(self.trained, num_rows, self.play)
        state = PolicyState(self, acting, np.zeros((num_rows, *entries), kind), np.ones(num_rows, bool))
        state.begin_episodes(np.arange(num_rows))
        return state

    def _own_state(self, state: PolicyState, num_rows: int) -> PolicyState:
        """The caller's state; ValueError where it is not one of this policy and of so many rows."""
        if not isinstance(state, PolicyState):
            raise ValueError(f"state: expected what the last call returned, got {type(state).__name__}")
        if state.policy is not self:
            raise ValueError("state: expected what this policy's last call returned, got another policy's")
        if state.acting.memory.num_rows != num_rows:
            before, now = (count // self.trained.task.num_agents for count in (state.acting.memory.num_rows, num_rows))
            raise ValueError(f"observation: expected {before} rows as before, got {now}")
        return state

    def _rewards(self, previous_reward: np.ndarray | None, num_rows: int) -> np.ndarray:
        """Rewards (B * N,) float32."""
        if previous_reward is None:
            return np.zeros(num_rows, np.float32)
        rewards = _real_numbers("previous_reward", previous_reward, "biuf").astype(np.float32).reshape(-1)
        if rewards.shape != (num_rows,) or not np.isfinite(rewards).all():
            raise ValueError(f"previous_reward: expected {num_rows} finite numbers, got {rewards.tolist()}")
        return rewards


def load_policy(
    folder: str | Path, play: Mapping[str, Any] | None = None, environment: str | EnvironmentSpec | None = None
) -> Policy:
    """Load a trained policy, ready to act.

    Args:
        folder: of one policy, or of one a training seed, of which the first is taken.
        play: settings of its family's `begin`; None for its defaults.
        environment: in which of several tasks it is to act, by the environment's id, or by all of it where ids are shared; None
            where it has one.

    Raises:
        DataError: a file is missing, malformed, of another version, or the weights do not fit the model described; or no single
            task of the policy is named.
        ParameterError: the family knows no such setting.
    """
    folder = Path(folder)
    seeds = [] if (folder / "policy.json").exists() else sorted(folder.glob(f"{SEED_FOLDER}*"), key=_seed)
    trained = load_trained(seeds[0] if seeds else folder)
    if trained.family == "function":
        raise DataError(
            f"{folder}: expected a policy with weights, got a function of one's own, {trained.config.get('name')}"
        )
    return Policy(trained if environment is None else trained.acting_in(environment), play)


def _seed(folder: Path) -> int:
    number = folder.name.removeprefix(SEED_FOLDER)
    if not number.isdecimal():
        raise DataError(f"{folder}: expected a folder called {SEED_FOLDER} and a number, got {folder.name}")
    return int(number)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _real_numbers(name: str, values: Any, kinds: str) -> np.ndarray:
    """`values` as an array whose dtype is of one of `kinds` (b, i, u, f); ValueError for anything else."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(isinstance(value, numbers.Real) for value in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None or array.dtype.kind not in kinds:
        expected = "booleans" if kinds == "b" else "real numbers"
        got = type(values).__name__ if array is None else f"{array.dtype}"
        raise ValueError(f"{name}: expected an array of {expected}, got {got}")
    return array
