"""By which numbers states, actions and returns are normalised.

S visible state components, A entries of an action vector, K orders of differences.
"""

from dataclasses import dataclass, fields

import numpy as np

DIFFERENCE_ORDERS = 3  # K, of which the data's scales tell the usual size
AXES = {"difference_std": 2, "return_mean": 0, "return_std": 0}  # of the scales that are no rows of numbers


@dataclass(frozen=True)
class Scales:
    """Raw units of a model's numbers: a normalised number is (raw - mean) / std, or (raw - middle) / half_range.

    Attributes:
        state_mean, state_std: (S,) raw, of each visible component over the training steps.
        difference_std: (K, S) root mean square of each normalised component's differences, a row an order: the first is of its
            changes in one step.
        action_middle, action_half_range: (A,) raw, so that an entry is -1 at its lower and 1 at its upper bound; () for choices.
        return_mean, return_std: raw reward, of the returns-to-go over the training steps.

    Raises:
        ValueError: a scale is not a finite number, a deviation or half range is not positive, or lengths disagree.
    """

    state_mean: tuple[float, ...]
    state_std: tuple[float, ...]
    difference_std: tuple[tuple[float, ...], ...]
    action_middle: tuple[float, ...]
    action_half_range: tuple[float, ...]
    return_mean: float
    return_std: float

    def __post_init__(self) -> None:
        for field in fields(self):
            values = np.asarray(getattr(self, field.name), np.float64)
            if values.ndim != AXES.get(field.name, 1) or not np.isfinite(values).all():
                raise ValueError(f"scales.{field.name}: expected finite numbers, got {getattr(self, field.name)}")
            if field.name.endswith(("_std", "_range")) and not (values.astype(np.float32) > 0).all():
                raise ValueError(f"scales.{field.name}: expected positive numbers, got {getattr(self, field.name)}")
        for one, other in (
            ("state_mean", "state_std"),
            ("state_mean", "difference_std"),
            ("action_middle", "action_half_range"),
        ):
            expected, got = (np.shape(getattr(self, name))[-1] for name in (one, other))
            if expected != got:
                raise ValueError(f"scales.{other}: expected {expected} numbers as in {one}, got {got}")

    @classmethod
    def identity(cls, state_dim: int, action_dim: int) -> "Scales":
        """The scales that change nothing; `action_dim` is 0 for choices."""
        states, actions = (1.0,) * state_dim, (1.0,) * action_dim
        differences = (states,) * DIFFERENCE_ORDERS
        return cls((0.0,) * state_dim, states, differences, (0.0,) * action_dim, actions, 0.0, 1.0)
