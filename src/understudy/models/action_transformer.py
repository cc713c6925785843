"""A decoder over states and past actions that predicts the next action.

B rows, T steps, S state, A action, D width.

Tokens: s_0 a_0 s_1 a_1 ... The action at step t is predicted from the token of s_t, which sees s_0 a_0 ... s_t within the last
`context` steps and never a_t.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.family import Losses, LossTerm
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout
from understudy.nn.heads import ActionHead, ValueHead
from understudy.nn.interleave import interleave
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes, decode_state
from understudy.nn.transformer_options import TransformerOptions
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step

STATE = 0
TOKENS_PER_STEP = 2


class ActionTransformer(nn.Module):
    """Predicts the action and the return to come at every step of a row.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        options: fields of TransformerOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a size makes no
            sense.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"observation", "action", "label", "return_to_go"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    look_ahead = 0
    Options = TransformerOptions

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
        self.options = TransformerOptions(**options)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len = max_seq_len
        self.embed_state = StateEmbedding(
            state_dim, embed_dim, self.options.state_differences, self.options.difference_scale
        )
        self.burn_in = self.embed_state.window.burn_in
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions)
        self.trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, self.options.continuous_loss)
        self.value_head = ValueHead(embed_dim)
        self.loss = ActionPredictionLoss(discrete_actions, self.options.continuous_loss)

    def forward(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the action and the return to come at every step; what is predicted after a row's end means nothing.

        Args:
            states: (B, T, S) float32.
            actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            seq_lens: (B,) int64, steps of each row that are real.

        Returns:
            Action predictions (B, T, A), logits or means, and values (B, T).

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a choice does not exist.
        """
        self._check(states, actions, seq_lens)
        features = self._features(states, actions, None)
        return self.action_head(features)[0], self.value_head(features)

    def attention_maps(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> AttentionMaps:
        """What attends to what in `forward`, whose arguments these are."""
        self._check(states, actions, seq_lens)
        tokens, steps, _ = self._tokens(states, actions, None)
        return attention_maps(self.trunk, tokens, steps, ("state", "action"))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation and value; `generator` draws which past actions to drop."""
        chance = self.options.action_dropout if self.training else 0.0
        dropped = draw_action_dropout(batch.mask.shape, chance, generator)
        features = self._features(batch["observation"], batch["action"], dropped)
        preds, log_std = self.action_head(features)
        action = self.loss.action_loss(preds, log_std, batch["label"], batch.mask)
        value = self.loss.value_loss(self.value_head(features), batch["return_to_go"], batch.value_mask)
        terms = {
            "action": LossTerm(action, batch.mask),
            "value": LossTerm(value, batch.value_mask, self.options.value_weight),
        }
        return Losses(terms, preds)

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int) -> RowMemory:
        """An empty cache, and each row's last states where tokens carry their differences."""
        tensors = self.embed_state.window.begin(num_rows)
        return RowMemory(num_rows, tensors, self.trunk.new_cache(num_rows, TOKENS_PER_STEP))

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; the last action and the state go through the trunk as one pass of two tokens."""
        state_tokens = self.embed_state.decode_step(memory, step)
        features = decode_state(self.trunk, memory, self.embed_action(step.previous_action), state_tokens)
        memory.kv_cache.end_step()
        preds, log_std = self.action_head(features)
        return Decision(self.action_head.choose(preds, log_std, generator), predictions=preds)

    def _check(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> None:
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)

    def _tokens(self, states: Tensor, actions: Tensor, dropped: Tensor | None) -> tuple[Tensor, Tensor, int]:
        return interleave([self.embed_state(states), self.embed_action(actions, dropped)])

    def _features(self, states: Tensor, actions: Tensor, dropped: Tensor | None) -> Tensor:
        """Features (B, T, D) of the state tokens."""
        return self.trunk(*self._tokens(states, actions, dropped), token=STATE)


FAMILY = ActionTransformer
