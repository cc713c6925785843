"""The random actor: the line from which scores count."""

import numpy as np

from understudy.spec import EnvironmentSpec
from understudy.step import Decision, Step

ACTION_STREAM = 2


class RandomActor:
    """Acts uniformly at random within the action space; an episode's actions derive from its seed and the agent alone.

    Rows are environments, or with several agents environment by environment and agent by agent.

    Args:
        spec: whose action space it is: choices from 0 to `num_actions` - 1, or vectors from `action_low` to `action_high`.
    """

    def __init__(self, spec: EnvironmentSpec) -> None:
        self.spec = spec
        self.generators: list[np.random.Generator | None] = []

    def start(self, num_rows: int) -> None:
        """Make room for so many rows; none has an episode yet."""
        self.generators = [None] * num_rows

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Begin an episode in some rows.

        Args:
            rows: (B,) their numbers.
            seeds: (B,) the seeds of their episodes.
        """
        for row, seed in zip(rows.tolist(), seeds.tolist(), strict=True):
            self.generators[row] = np.random.default_rng([seed, ACTION_STREAM, row % self.spec.num_agents])

    def keep(self, rows: np.ndarray) -> None:
        """Go on with these rows alone, in this order: (B,) their numbers."""
        self.generators = [self.generators[row] for row in rows]

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        """One action a row, (rows,) int64 or (rows, A) float32, whatever is observed."""
        if self.spec.discrete_actions:
            return Decision(np.asarray([generator.integers(self.spec.num_actions) for generator in self.generators]))
        low, high = self.spec.action_low, self.spec.action_high
        return Decision(np.asarray([generator.uniform(low, high) for generator in self.generators], dtype=np.float32))
