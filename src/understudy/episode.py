"""One recorded episode."""

from dataclasses import dataclass

import numpy as np

NO_OPTION = -1
UNKNOWN_SEED = -1


@dataclass(frozen=True)
class Episode:
    """What happened from a reset to the end; T steps, S observation components, A action dimensions.

    seed: what the environment was reset with, from 0 on; UNKNOWN_SEED of demonstrations that came from elsewhere.
    observations (T, S) float32: what the agent saw before step t, unnormalised and complete.
    actions (T,) int64 or (T, A) float32: what was executed at step t.
    demonstrated_actions, like actions: what the demonstrator would have done at step t.
    rewards (T,) float32: raw reward of step t.
    options (T,) int16: the option the actor followed at step t, NO_OPTION where it has none.
    final_observation (S,) float32: what came after the last step.
    terminated and truncated are the environment's own flags, never merged; at least one of them is set.
    player: which of a recording's players acted, where it has several.

    Where N > 1 agents act, every array has an axis of agents behind that of steps: observations (T, N, S), actions (T, N) or
    (T, N, A), rewards (T, N), ..., final_observation (N, S).
    """

    seed: int
    observations: np.ndarray
    actions: np.ndarray
    demonstrated_actions: np.ndarray
    rewards: np.ndarray
    options: np.ndarray
    final_observation: np.ndarray
    terminated: bool
    truncated: bool
    player: int = 0

    def __post_init__(self) -> None:
        for name in ("actions", "demonstrated_actions", "rewards", "options"):
            if len(getattr(self, name)) != len(self.observations):
                raise ValueError(
                    f"{name}: expected {len(self.observations)} steps, one an observation, got {len(getattr(self, name))}"
                )
        if not (self.terminated or self.truncated):
            raise ValueError(f"episode of seed {self.seed}: expected it to be terminated or truncated, got neither")

    @property
    def length(self) -> int:
        """Steps taken."""
        return len(self.rewards)

    @property
    def total_return(self) -> float:
        """Sum of the raw rewards, added up in float64; of several agents the mean of their sums."""
        return float(self.rewards.astype(np.float64).sum(axis=0).mean())
