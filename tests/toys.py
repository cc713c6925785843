"""Toys whose every value is predictable.

CountingEnvironment  -- observation [seed, step], reward the step's number, a length and an ending that the seed decides
CountingAgents       -- several agents that count as well
CountingActor        -- acts by how many steps it has counted in a row
ConstantActor        -- always the same action
recording(...)       -- a recording made of given returns
tiny_policy(...)     -- a small untrained policy of any family
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

from understudy.environments.parallel import ParallelEnvironment
from understudy.interface import Interface, Task, action_scales
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.rollouts.parquet import Recording
from understudy.scales import Scales
from understudy.spec import EnvironmentSpec
from understudy.step import Decision, Step

ROOT = Path(__file__).parents[1]
NUM_ACTIONS = 5
ENDINGS = {"terminated": (True, False), "truncated": (False, True), "both": (True, True)}


class CountingEnvironment(gymnasium.Env):
    """Observes [seed, steps taken] and pays 1, 2, 3, ...; `ending` says with which flags an episode ends.

    An episode has 2 + seed % 4 steps unless `length` says otherwise. `seeds` and `actions` note what was asked of it.
    """

    def __init__(
        self, ending: str = "terminated", length: Callable[[int], int] = lambda seed: 2 + seed % 4, vector: bool = False
    ) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 3.0, (2,), np.float32) if vector else spaces.Discrete(NUM_ACTIONS)
        self.ending, self.length = ending, length
        self.seeds: list[int] = []
        self.actions: list = []

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        self.seeds.append(self.seeds[-1] + 1 if seed is None else seed)
        self.steps = 0
        return self._observe(), {}

    def step(self, action) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        self.actions.append(action)
        over = self.steps == self.length(self.seeds[-1])
        terminated, truncated = (flag and over for flag in ENDINGS[self.ending])
        return self._observe(), float(self.steps), terminated, truncated, {}

    def _observe(self) -> np.ndarray:
        return np.asarray([self.seeds[-1], self.steps], dtype=np.float32)


class CountingAgents:
    """Agents of PettingZoo's parallel API, who observe [seed, steps taken, own number] and are paid step * (number + 1).

    An episode has 2 + seed % 4 steps. `leaving` is one who goes after the first of them, None for nobody; `kinds` are the
    agents' observation sizes. `actions` notes what was asked, `closed` whether it was closed.
    """

    def __init__(self, agents: int = 3, *, leaving: int | None = None, kinds: Sequence[int] = (3, 3, 3)) -> None:
        self.possible_agents = [f"agent_{number}" for number in range(agents)]
        self.numbers = {agent: number for number, agent in enumerate(self.possible_agents)}
        self.sizes, self.leaving = kinds, leaving
        self.spaces = {agent: spaces.Discrete(NUM_ACTIONS) for agent in self.possible_agents}
        self.actions: list[list[int]] = []
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def observation_space(self, agent: str) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (self.sizes[self.numbers[agent]],), np.float32)

    def action_space(self, agent: str) -> spaces.Discrete:
        return self.spaces[agent]

    def reset(self, seed: int) -> tuple[dict, dict]:
        self.seed, self.steps, self.agents = seed, 0, list(self.possible_agents)
        return self._observe(), {}

    def step(self, actions: dict[str, int]) -> tuple[dict, dict, dict, dict, dict]:
        self.steps += 1
        self.actions.append([actions[agent] for agent in self.possible_agents])
        over = self.steps == 2 + self.seed % 4
        observations, acting = self._observe(), self.agents
        self.agents = [agent for agent in acting if not over and self.numbers[agent] != self.leaving]
        rewards = {agent: float(self.steps * (self.numbers[agent] + 1)) for agent in acting}
        return observations, rewards, dict.fromkeys(acting, False), dict.fromkeys(acting, over), {}

    def _observe(self) -> dict[str, np.ndarray]:
        # In another order than that of the agents, which a dictionary does not promise to keep.
        return {agent: np.asarray([self.seed, self.steps, self.numbers[agent]]) for agent in reversed(self.agents)}


def counting_agents(count: int, agents: int = 3, **options) -> list[ParallelEnvironment]:
    """So many environments of counting agents."""
    return [ParallelEnvironment(CountingAgents(agents, **options), "toys.counting_v0", {}) for _ in range(count)]


class CountingActor:
    """Acts by the number of steps since a row's reset, modulo 5; its option is the row's seed.

    `batches` notes the number of rows of each call, `steps` what they were told.
    """

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.steps: list[Step] = []

    def start(self, num_rows: int) -> None:
        self.counts = np.full(num_rows, -1000)
        self.seeds = np.full(num_rows, -1)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        self.counts[rows], self.seeds[rows] = 0, seeds

    def keep(self, rows: np.ndarray) -> None:
        self.counts, self.seeds = self.counts[rows], self.seeds[rows]

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        self.batches.append(len(step.observation))
        self.steps.append(step)
        actions = self.counts % NUM_ACTIONS
        self.counts = self.counts + 1
        return Decision(actions, self.seeds.copy())


class ConstantActor:
    """Always the same action, a choice or a vector; it has no options."""

    def __init__(self, action: int | Sequence[float]) -> None:
        self.action = np.asarray(action, dtype=np.int64 if isinstance(action, int) else np.float32)

    def start(self, num_rows: int) -> None: ...

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None: ...

    def keep(self, rows: np.ndarray) -> None: ...

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        return Decision(np.stack([self.action] * len(step.observation)))


CHOICES = EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), 4, None, None, 100.0)
VECTORS = EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), None, (-1.0, -2.0), (1.0, 0.5), None)


def recording(
    returns: Sequence[float],
    spec: EnvironmentSpec = CHOICES,
    *,
    actions: Sequence | None = None,
    demonstrated: Sequence | None = None,
    options: Sequence[int] | None = None,
    first_seed: int = 10,
) -> Recording:
    """A recording of two steps an episode, the first of which pays all; actions, one a step, are zero where not given."""
    count = len(returns)
    shape = (2 * count,) if spec.discrete_actions else (2 * count, spec.action_dim)
    kind = np.int64 if spec.discrete_actions else np.float32
    zeros = np.zeros(shape, kind)
    steps = {
        "episode": np.repeat(np.arange(count), 2),
        "step": np.tile([0, 1], count),
        "agent": np.zeros(2 * count, np.int16),
        "observation": np.zeros((2 * count, spec.state_dim), np.float32),
        "action": zeros if actions is None else np.asarray(actions, kind),
        "demonstrated_action": zeros if demonstrated is None else np.asarray(demonstrated, kind),
        "reward": np.asarray([[total, 0.0] for total in returns], np.float32).reshape(-1),
        "option": np.full(2 * count, -1, np.int16) if options is None else np.asarray(options, np.int16),
    }
    episodes = {
        "episode": np.arange(count),
        "seed": first_seed + np.arange(count),
        "length": np.full(count, 2),
        "return": np.asarray(returns, np.float64),
        "terminated": np.ones(count, bool),
        "truncated": np.zeros(count, bool),
        "final_observation": np.zeros((count, spec.state_dim), np.float32),
    }
    return Recording(spec, "toy", steps, episodes)


TRANSFORMER = {
    "embed_dim": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "max_seq_len": 32,
    "context": 4,
    "state_differences": 1,
}
CONFIGS = {
    "mlp": {"hidden_dim": 16, "num_layers": 2},
    "action_transformer": TRANSFORMER,
    "hierarchical": TRANSFORMER,
    "decision_transformer": TRANSFORMER,
    "trajectory_transformer": {name: value for name, value in TRANSFORMER.items() if name != "state_differences"}
    | {"num_bins": 12},
    "q_transformer": TRANSFORMER | {"num_bins": 5},
    "rvs": {"hidden_dim": 8, "num_layers": 2, "state_differences": 1},
    "multi_agent": TRANSFORMER | {"max_num_agents": 4},
    "generalist": {name: value for name, value in TRANSFORMER.items() if name != "state_differences"},
    "expert": {"hidden_sizes": [16, 16], "activation": "tanh", "squash": False},
}


LANGUAGE = {name: value for name, value in TRANSFORMER.items() if name != "state_differences"}
OF_TOKENS = {"language_bc": LANGUAGE, "language_q": LANGUAGE | {"penalty_weight": 0.5}}  # which are choices


def tiny_interface(spec: EnvironmentSpec, hidden: tuple[str, ...] = (), num_options: int | None = None) -> Interface:
    """Scales that change every number; action vectors have the environment's range."""
    count, (middle, half_range) = len(spec.components) - len(hidden), action_scales(spec)
    differences = ((2.0,) * count, (3.0,) * count, (4.0,) * count)
    scales = Scales((0.25,) * count, (0.5,) * count, differences, middle, half_range, 3.0, 4.0)
    return Interface((Task(spec, hidden, scales, num_options, (1.0, 3.0, 5.0)),))


def tiny_policy(family: str, spec: EnvironmentSpec, hidden: tuple[str, ...] = (), seed: int = 0) -> TrainedPolicy:
    """An untrained policy with weights large enough that its actions depend on the observation and on the past."""
    interface = tiny_interface(spec, hidden, num_options=3 if family == "hierarchical" else None)
    torch.manual_seed(seed)
    config = (CONFIGS | OF_TOKENS)[family]
    model = build_model(family, config, interface, family)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
        if isinstance(model, HierarchicalTransformer):
            model.termination_head.bias.fill_(-2.0)
    return TrainedPolicy(model.eval(), family, config, interface, {"sequences": "0" * 64})
