"""What may be said of a model of language, beside its sizes.

LanguageOptions  -- of every one
LanguageQOptions -- of one that also learns what tokens are worth
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from understudy.nn.hub_trunk import TRUNK, HubTrunk, build_hub_trunk
from understudy.nn.text_encoder import TextEncoder
from understudy.nn.transformer_options import TrunkOptions
from understudy.nn.trunk import Trunk


@dataclass(frozen=True)
class LanguageOptions(TrunkOptions):
    """Options of a model of language.

    Attributes:
        backbone: what reads the tokens: "trunk", or "hub:NAME", a causal model of the transformers library with its weights, or
            "hub_config:NAME", the same without; NAME is on the hub or a folder. Of such a model embed_dim is the width, and
            num_layers, num_heads and hidden_dim are its own.
    """

    backbone: str = TRUNK
    further_steps: ClassVar[int] = 0  # that a row has in training after those of its chunk

    def build_encoder(
        self,
        state_dim: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        max_seq_len: int,
    ) -> TextEncoder:
        """The encoder of these sizes; the trunk's context, or all of a row, is what it sees.

        Raises:
            ValueError: as of `build_trunk` and `build_hub_trunk`.
        """
        trunk: Trunk | HubTrunk
        if self.backbone == TRUNK:
            trunk = self.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        else:
            context = max_seq_len if self.context is None else self.context
            trunk = build_hub_trunk(self.backbone, embed_dim, context, max_seq_len + self.further_steps)
        return TextEncoder(state_dim, trunk)


@dataclass(frozen=True)
class LanguageQOptions(LanguageOptions):
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

    further_steps: ClassVar[int] = 1  # the game's last observation, where it was cut off
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
