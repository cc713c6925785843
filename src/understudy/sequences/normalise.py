"""Scales of states and returns, from training episodes alone."""

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
    def of(cls, states: np.ndarray, returns_to_go: np.ndarray, starts: np.ndarray) -> "Normalisation":
        """Measure states (N, S) and returns-to-go (N,), summed in float64; `starts` (N,) bool marks episodes' first steps."""
        state_std = _or_one(states.std(axis=0, dtype=np.float64))
        changes = np.diff(states, axis=0)[~starts[1:]] / state_std
        mean_square = np.square(changes).mean(axis=0) if len(changes) else np.ones(states.shape[1])
        return cls(
            state_mean=tuple(states.mean(axis=0, dtype=np.float64).tolist()),
            state_std=tuple(state_std.tolist()),
            difference_std=tuple(_or_one(np.sqrt(mean_square)).tolist()),
            return_mean=float(returns_to_go.mean(dtype=np.float64)),
            return_std=float(_or_one(returns_to_go.std(dtype=np.float64))),
        )

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


def _or_one(std: np.ndarray) -> np.ndarray:
    return np.where(std < CONSTANT_BELOW, 1.0, std)
