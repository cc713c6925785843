"""Environments of several agents: PettingZoo's parallel ones, whose agents all act at every step.

is_parallel(id)           -- whether an id names one: package.module_vN, as mpe2.simple_spread_v3
make_parallel(id, kwargs) -- it, from its module's parallel_env
ParallelEnvironment       -- its agents side by side, as the interaction loop and recordings take them

N agents, S observation components, A action dimensions.
"""

import importlib
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import ParameterError

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

IMPORTED_BY_NAME = ("mpe2", "pettingzoo")  # a new version of them makes stale what a stage has played
# Of these packages alone: whatever module a file named would be run by importing it.
PARALLEL_ID = re.compile(r"(mpe2|pettingzoo(\.[a-z][a-z0-9_]*)+)\.[a-z][a-z0-9_]*_v[0-9]+")


def is_parallel(environment_id: str) -> bool:
    """Whether the id is that of a PettingZoo environment."""
    return PARALLEL_ID.fullmatch(environment_id) is not None


def make_parallel(environment_id: str, kwargs: dict[str, Any]) -> "ParallelEnv":
    """Import an environment's module and make it; raises whatever these raise."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # else pygame greets on standard output
    return importlib.import_module(environment_id).parallel_env(**kwargs)


class ParallelEnvironment:
    """N agents of one kind, in the order of `possible_agents`, who begin and end together.

    observation_space and action_space are those of one agent.

    Raises:
        ParameterError: there are fewer than two agents, or they are not all of one kind.
    """

    def __init__(self, environment: "ParallelEnv", environment_id: str, kwargs: dict[str, Any]) -> None:
        self.environment, self.id, self.kwargs = environment, environment_id, kwargs
        self.agents = list(environment.possible_agents)
        self.num_agents = len(self.agents)
        if self.num_agents < 2:
            raise ParameterError(
                f"environment.id: expected several agents, got {environment_id} with {self.num_agents}"
            )
        self.observation_space = self._of_all("observation", environment.observation_space)
        self.action_space = self._of_all("action", environment.action_space)

    def _of_all(self, kind: str, space_of: Any) -> Any:
        first = space_of(self.agents[0])
        for agent in self.agents:
            if space_of(agent) != first:
                raise ParameterError(
                    f"environment.id: expected agents with the same {kind} space, got {self.id} with {first} of"
                    f" {self.agents[0]} and {space_of(agent)} of {agent}"
                )
        return first

    def components(self) -> tuple[str, ...]:
        """Names of the entries of an agent's observation, none where they are not known."""
        nearest_alone = {"num_agent_neighbors", "num_landmark_neighbors"} & self.kwargs.keys()
        if self.id != "mpe2.simple_spread_v3" or nearest_alone:
            return ()
        numbers, others = range(self.num_agents), range(1, self.num_agents)
        return (
            *("vx", "vy", "x", "y"),
            *(f"landmark_{number}_{axis}" for number in numbers for axis in "xy"),
            *(f"other_{number}_{axis}" for number in others for axis in "xy"),
            *(f"other_{number}_message_{entry}" for number in others for entry in (0, 1)),
        )

    def reset(self, *, seed: int | None = None) -> tuple[np.ndarray, dict]:
        """The agents' observations (N, S), and what else each is told."""
        observations, infos = self.environment.reset(seed=seed)
        self._check_all_there(0)
        self.steps = 0
        return self._in_order(observations), infos

    def step(self, actions: list[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool, dict]:
        """Execute the agents' actions, N choices or (N, A); returns (N, S), rewards (N,), the two end flags, and the rest."""
        given = dict(zip(self.agents, actions, strict=True))
        observations, rewards, terminations, truncations, infos = self.environment.step(given)
        self.steps += 1
        if self.environment.agents:
            self._check_all_there(self.steps)
        flags = any(terminations.values()), any(truncations.values())
        return self._in_order(observations), self._in_order(rewards), *flags, infos

    def close(self) -> None:
        self.environment.close()

    def _in_order(self, of_agents: dict[str, Any]) -> np.ndarray:
        return np.asarray([of_agents[agent] for agent in self.agents], dtype=np.float32)

    def _check_all_there(self, step: int) -> None:
        missing = [agent for agent in self.agents if agent not in self.environment.agents]
        if missing:
            raise ParameterError(
                f"environment.id: expected all agents of {self.id} to stay until the episode ends,"
                f" got none called {missing[0]} after {step} steps"
            )
