"""A model of language: predicts the next token of the player's from the whole text before it.

B rows, T steps, S components of a step, A tokens, D width.

It is made for recordings of games in text (tasks/recording.py), whose observations are what was written since the step before. A
step is one token of the trunk, and what was written at it stands in the next one: no prediction sees the token that it predicts.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.family import Losses, LossTerm
from understudy.nn.heads import choose_actions
from understudy.nn.language_options import LanguageOptions
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_choices, check_sizes, check_texts
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class LanguageBC(nn.Module):
    """Predicts the next token at every step of a row.

    Args:
        state_dim: S.
        action_dim: A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: has to be true, since tokens are choices.
        options: fields of LanguageOptions.

    Raises:
        ValueError: actions are vectors, embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len,
            or a size makes no sense.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"observation", "label"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    look_ahead = 0
    Options = LanguageOptions

    def __init__(
        self,
        state_dim: int,
        action_dim: int,
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        max_seq_len: int,
        discrete_actions: bool,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim)
        check_choices(discrete_actions)
        self.options = LanguageOptions(**options)
        self.state_dim, self.action_dim, self.max_seq_len = state_dim, action_dim, max_seq_len
        sizes = (embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.encoder = self.options.build_encoder(state_dim, *sizes)
        self.burn_in = self.encoder.burn_in
        self.head = nn.Linear(embed_dim, action_dim)
        self.loss = ActionPredictionLoss(discrete_actions=True)

    def forward(self, states: Tensor, seq_lens: Tensor) -> Tensor:
        """Logits (B, T, A) of the next token; what is predicted after a row's end means nothing.

        Args:
            states: (B, T, S) float32.
            seq_lens: (B,) int64, steps of each row that are real.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, or a length is not from 1 to T.
        """
        check_texts(states, seq_lens, self.state_dim, self.max_seq_len)
        return self.head(self.encoder(states))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Cross entropy of the next token; nothing here is random."""
        rows = batch.trimmed()
        preds = self.head(self.encoder(rows["observation"]))
        action = self.loss.discrete_action_loss(preds, rows["label"], rows.mask)
        padding = batch.mask.shape[1] - rows.mask.shape[1]
        return Losses({"action": LossTerm(action, batch.mask)}, functional.pad(preds, (0, 0, 0, padding)))

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.encoder.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int) -> RowMemory:
        """An empty cache."""
        return self.encoder.begin(num_rows)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """The likeliest tokens, or tokens drawn from what is predicted."""
        preds = self.head(self.encoder.decode_step(memory, step))
        return Decision(choose_actions(preds, None, True, generator), predictions=preds)


FAMILY = LanguageBC
