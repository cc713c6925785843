"""Scales of states and returns, from training episodes alone.

ScaleSums -- what is added up of steps, piece by piece, to measure them
"""

import numpy as np

from understudy.interface import action_scales
from understudy.scales import DIFFERENCE_ORDERS, Scales
from understudy.spec import EnvironmentSpec

CONSTANT_BELOW = 1e-6


class ScaleSums:
    """Sums from which the scales come, float64. S visible state components, K orders of differences.

    A component that never changes gets a standard deviation of one, so that it is centred and not blown up.
    """

    def __init__(self, state_dim: int) -> None:
        self.steps = 0
        self.means = np.zeros(state_dim + 1)  # of the state's components, then of the return-to-go
        self.squares = np.zeros(state_dim + 1)  # summed squares of their deviations from the means
        self.differences = np.zeros(DIFFERENCE_ORDERS)  # how many there are of each order within episodes
        self.difference_squares = np.zeros((DIFFERENCE_ORDERS, state_dim))

    def add(self, states: np.ndarray, returns_to_go: np.ndarray, starts: np.ndarray) -> None:
        """Add whole episodes: states (n, S), returns-to-go (n,); `starts` (n,) bool marks first steps.

        Deviations are taken from the piece's own means and carried over to those of all steps, since a difference of sums of
        squares would lose the digits that matter: Chan et al., "Updating formulae ... for computing sample variances" (1979).
        """
        count = len(states)
        if count == 0:
            return
        values = np.column_stack([states, returns_to_go]).astype(np.float64)
        means = values.mean(axis=0)
        ahead, share = means - self.means, count / (self.steps + count)
        self.squares += np.square(values - means).sum(axis=0) + np.square(ahead) * self.steps * share
        self.means += ahead * share
        self.steps += count
        differences, inside = values[:, :-1], np.ones(count, bool)
        for order in range(DIFFERENCE_ORDERS):
            differences, inside = np.diff(differences, axis=0), inside[:-1] & ~starts[order + 1 :]
            self.difference_squares[order] += np.square(differences[inside]).sum(axis=0)
            self.differences[order] += inside.sum()

    def scales(self, environment: EnvironmentSpec) -> Scales:
        """The scales of all steps added; those of actions are the environment's range."""
        std = _or_one(np.sqrt(self.squares / self.steps))
        usual = np.sqrt(self.difference_squares / np.maximum(1, self.differences)[:, None]) / std[:-1]  # (K, S)
        middle, half_range = action_scales(environment)
        return Scales(
            state_mean=tuple(self.means[:-1].tolist()),
            state_std=tuple(std[:-1].tolist()),
            difference_std=tuple(tuple(row) for row in _or_one(usual).tolist()),
            action_middle=middle,
            action_half_range=half_range,
            return_mean=float(self.means[-1]),
            return_std=float(std[-1]),
        )


def _or_one(std: np.ndarray) -> np.ndarray:
    return np.where(std < CONSTANT_BELOW, 1.0, std)
