"""The random actor: the line from which scores count."""

import numpy as np

from understudy.spec import EnvironmentSpec
from understudy.step import Decision, Step

ACTION_STREAM = 2


class RandomActor:
    """Acts uniformly at random within the action space; an episode's actions derive from its seed and the agent alone."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        self.spec = spec
        self.generators: list[np.random.Generator | None] = []

    def start(self, num_rows: int) -> None:
        self.generators = [None] * num_rows

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        for row, seed in zip(rows.tolist(), seeds.tolist(), strict=True):
            self.generators[row] = np.random.default_rng([seed, ACTION_STREAM, row % self.spec.num_agents])

    def keep(self, rows: np.ndarray) -> None:
        self.generators = [self.generators[row] for row in rows]

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        """Draw an action for each row."""
        if self.spec.discrete_actions:
            return Decision(np.asarray([generator.integers(self.spec.num_actions) for generator in self.generators]))
        low, high = self.spec.action_low, self.spec.action_high
        return Decision(np.asarray([generator.uniform(low, high) for generator in self.generators], dtype=np.float32))
