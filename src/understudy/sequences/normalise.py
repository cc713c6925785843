"""Scales of states and returns, from training episodes alone.

Normalisation -- the scales, and applying them
ScaleSums     -- what is added up of steps, piece by piece, to measure them
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

CONSTANT_BELOW = 1e-6


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each visible state component and of the returns-to-go, in raw units.

    `difference_std` is the root mean square of each normalised component's change from one step to the next.

    A component that never changes has a standard deviation of one, so that it is centred and not blown up.
    """

    state_mean: tuple[float, ...]
    state_std: tuple[float, ...]
    difference_std: tuple[float, ...]
    return_mean: float
    return_std: float

    @classmethod
    def none(cls, state_dim: int) -> "Normalisation":
        """The scales that change nothing, for policies that take raw observations."""
        return cls((0.0,) * state_dim, (1.0,) * state_dim, (1.0,) * state_dim, 0.0, 1.0)

    @classmethod
    def from_json(cls, fields: dict[str, Any], state_dim: int) -> "Normalisation":
        """Rebuild from JSON; ValueError where the scales are not `state_dim` finite, positive numbers."""
        scales = {name: np.asarray(fields[name], float) for name in ("state_mean", "state_std", "difference_std")}
        for name, values in scales.items():
            if values.shape != (state_dim,) or not np.isfinite(values).all():
                raise ValueError(f"normalisation.{name}: expected {state_dim} finite numbers, got {fields[name]}")
        mean, std = float(fields["return_mean"]), float(fields["return_std"])
        if not (np.isfinite([mean, std]).all() and min(*scales["state_std"], *scales["difference_std"], std) > 0):
            raise ValueError("normalisation: expected finite returns and positive deviations")
        return cls(*(tuple(values.tolist()) for values in scales.values()), mean, std)

    def apply(self, states: np.ndarray) -> np.ndarray:
        """Normalise states (..., S) to float32."""
        mean, std = np.asarray(self.state_mean, np.float32), np.asarray(self.state_std, np.float32)
        return (np.asarray(states, np.float32) - mean) / std

    def apply_returns(self, returns_to_go: np.ndarray) -> np.ndarray:
        """Normalise returns-to-go of any shape to float32."""
        return ((returns_to_go - self.return_mean) / self.return_std).astype(np.float32)


class ScaleSums:
    """Sums over steps in float64. S visible state components."""

    def __init__(self, state_dim: int) -> None:
        self.steps = self.changes = 0
        self.means = np.zeros(state_dim + 1)  # of the state's components, then of the return-to-go
        self.squares = np.zeros(state_dim + 1)  # summed squares of their deviations from the means
        self.change_squares = np.zeros(state_dim)

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
        inside = ~starts[1:]
        self.change_squares += np.square(np.diff(values[:, :-1], axis=0)[inside]).sum(axis=0)
        self.changes += int(inside.sum())

    def normalisation(self) -> Normalisation:
        """The scales of all steps added."""
        std = _or_one(np.sqrt(self.squares / self.steps))
        change = np.sqrt(self.change_squares / self.changes) / std[:-1] if self.changes else np.ones(len(std) - 1)
        return Normalisation(
            state_mean=tuple(self.means[:-1].tolist()),
            state_std=tuple(std[:-1].tolist()),
            difference_std=tuple(_or_one(change).tolist()),
            return_mean=float(self.means[-1]),
            return_std=float(std[-1]),
        )


def _or_one(std: np.ndarray) -> np.ndarray:
    return np.where(std < CONSTANT_BELOW, 1.0, std)
