"""What may be said of Q-learning with a transformer, beside its sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from understudy.nn.transformer_options import TrunkOptions


@dataclass(frozen=True)
class QOptions(TrunkOptions):
    """Options of a transformer that learns action values.

    Attributes:
        state_differences: how many orders of the state's differences its token also carries; the first is the change since the
            step before.
        difference_scale: a row (S,) an order, usual sizes of a normalised state's differences; None for one.
        burn_in: steps that a chunk cut from the middle of an episode shows before those that count.
        num_heads_of_values: K, how many say what an action is worth.
        clipped_heads: over how many of their target networks a least value is taken; 1 for double Q that is not clipped.
        num_steps: of reward before a target goes on with what the next state is worth.
        discount: of a step.
        target_rate: share of the way that target networks go to the network's weights; 1 copies them.
        target_every: optimizer steps between two such moves.
        penalty: against values that are too high for what was never done: "cql" holds them down; "floor" holds those of what was
            done up, to the return that came of it, as far as it is known.
        penalty_weight: of the penalty "cql" beside the squared errors.
        penalty_temperature: of the soft maximum in the penalty "cql", in units of the returns' standard deviation.
        num_bins: values of each entry of an action vector.
        bottleneck_dim: numbers through which all that a token knows of its state passes; None for no such narrow place.
        autoencoder_weight: of the squared error with which they tell the normalised state again, beside those of the values.

    Raises:
        ValueError: a number is out of its range.
    """

    state_differences: int = 0
    difference_scale: Sequence[Sequence[float]] | None = None
    burn_in: int = 1
    num_heads_of_values: int = 5
    clipped_heads: int = 2
    num_steps: int = 3
    discount: float = 0.997
    target_rate: float = 0.01
    target_every: int = 1
    penalty: Literal["none", "cql", "floor"] = "none"
    penalty_weight: float = 0.05
    penalty_temperature: float = 0.05
    num_bins: int = 21
    bottleneck_dim: int | None = None
    autoencoder_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("burn_in", "num_heads_of_values", "clipped_heads", "num_steps", "target_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.clipped_heads > self.num_heads_of_values:
            raise ValueError(
                f"clipped_heads: expected at most the {self.num_heads_of_values} heads of values that there are,"
                f" got {self.clipped_heads}"
            )
        for name in ("discount", "target_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected above 0, at most 1, got {getattr(self, name)}")
        for name in ("penalty_weight", "autoencoder_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)}")
        if self.bottleneck_dim is not None and self.bottleneck_dim < 1:
            raise ValueError(f"bottleneck_dim: expected at least 1, got {self.bottleneck_dim}")
        if self.autoencoder_weight > 0 and self.bottleneck_dim is None:
            raise ValueError(
                f"bottleneck_dim: expected a number, since autoencoder_weight is {self.autoencoder_weight}, got None"
            )
        if not self.penalty_temperature > 0:
            raise ValueError(f"penalty_temperature: expected above 0, got {self.penalty_temperature}")
