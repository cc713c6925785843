"""What may be said of a model of language, beside its sizes."""

from dataclasses import dataclass
from typing import Literal

from understudy.nn.transformer_options import TrunkOptions


@dataclass(frozen=True)
class LanguageQOptions(TrunkOptions):
    """Options of a model of language that also learns what tokens are worth.

    Attributes:
        num_heads_of_values: K, how many say what a token is worth; the least of them counts, so that 1 is without double Q.
        targets: what a token is drawn to: "bootstrap", to rewards and what the text after them is worth, or "monte_carlo", to
            what came of it in its game.
        num_steps: of reward before a target goes on with what the text is worth then.
        discount: of a token.
        expectile: of the values of tokens, that a text is worth: 0.5 for what is written in the mean, towards 1 for the best.
        target_rate: share of the way that the target network goes to the network's weights; 1 copies them.
        target_every: optimizer steps between two such moves.
        value_weight: of the errors of values beside the imitation's loss.
        penalty_weight: of the penalty against values that are too high for what was never written.
        penalty_temperature: of its soft maximum, in units of the returns' standard deviation.

    Raises:
        ValueError: a number is out of its range.
    """

    num_heads_of_values: int = 2
    targets: Literal["bootstrap", "monte_carlo"] = "bootstrap"
    num_steps: int = 1
    discount: float = 1.0
    expectile: float = 0.8
    target_rate: float = 0.01
    target_every: int = 1
    value_weight: float = 1.0
    penalty_weight: float = 0.0
    penalty_temperature: float = 1.0

    def __post_init__(self) -> None:
        for name in ("num_heads_of_values", "num_steps", "target_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("discount", "target_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected above 0, at most 1, got {getattr(self, name)}")
        if not 0 < self.expectile < 1:
            raise ValueError(f"expectile: expected between 0 and 1, got {self.expectile}")
        for name in ("value_weight", "penalty_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)}")
        if not self.penalty_temperature > 0:
            raise ValueError(f"penalty_temperature: expected above 0, got {self.penalty_temperature}")
