"""What may be said of a transformer beside its sizes, in the one place that all families share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from understudy.nn.trunk import Attention, Trunk

LONGEST_ROW = 1_000_000


@dataclass(frozen=True)
class TrunkOptions:
    """Options of every transformer, given as keyword arguments of its constructor.

    Attributes:
        context: environment steps that a token sees, its own counted; None for all of max_seq_len.
        num_kv_heads: heads of keys and values, each shared by num_heads / num_kv_heads heads of queries; None for num_heads.
        gradient_checkpointing: whether training recomputes the blocks' activations rather than keep them.
        attention: "softmax", within the context; or linear in the length of a row, over all of it, without a context: "performer"
            by random features whose products are on average what a softmax weighs by, "elu" by those of elu.
        num_random_features: of a head, under "performer".
        head_dim: width of an attention head, even; None for embed_dim / num_heads. A policy that has lost heads says it.
    """

    context: int | None = None
    num_kv_heads: int | None = None
    gradient_checkpointing: bool = False
    attention: Attention = "softmax"
    num_random_features: int = 64
    head_dim: int | None = None

    def build_trunk(self, embed_dim: int, num_layers: int, num_heads: int, hidden_dim: int, max_seq_len: int) -> Trunk:
        """The trunk of these sizes.

        Raises:
            ValueError: max_seq_len is out of its range, the context is longer, or as in Trunk.
        """
        if not 1 <= max_seq_len <= LONGEST_ROW:
            raise ValueError(f"max_seq_len: expected from 1 to {LONGEST_ROW} steps, got {max_seq_len}")
        if self.context is not None and self.context > max_seq_len:
            raise ValueError(f"context: expected at most max_seq_len = {max_seq_len} steps, got {self.context}")
        longest = max_seq_len if self.attention == "softmax" else None
        return Trunk(
            embed_dim,
            num_layers,
            num_heads,
            hidden_dim,
            context=longest if self.context is None else self.context,
            num_kv_heads=self.num_kv_heads,
            gradient_checkpointing=self.gradient_checkpointing,
            attention=self.attention,
            num_random_features=self.num_random_features,
            head_dim=self.head_dim,
        )


@dataclass(frozen=True)
class SequenceOptions(TrunkOptions):
    """Those of families whose tokens are states and actions.

    Attributes:
        state_differences: how many orders of the state's differences its token also carries; the first is the change since the
            step before.
        action_dropout: chance that a past action is withheld in a training batch.
        continuous_loss: of action vectors: "nll" with a learned, state-dependent standard deviation, or "mse".
        difference_scale: a row (S,) an order, usual sizes of a normalised state's differences; None for one.

    Raises:
        ValueError: a chance is out of its range.
    """

    state_differences: int = 0
    action_dropout: float = 0.0
    continuous_loss: Literal["nll", "mse", "similarity"] = "nll"
    difference_scale: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.action_dropout <= 1:
            raise ValueError(f"action_dropout: expected a chance from 0 to 1, got {self.action_dropout}")


@dataclass(frozen=True)
class TransformerOptions(SequenceOptions):
    """Those of families that also predict the return to come.

    Attributes:
        value_weight: weight of the value's squared error beside the imitation's loss.

    Raises:
        ValueError: the weight is below zero, or as above.
    """

    value_weight: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.value_weight >= 0:
            raise ValueError(f"value_weight: expected at least 0, got {self.value_weight}")
