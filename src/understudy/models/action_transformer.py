"""A decoder over states and past actions that predicts the next action.

B rows, T steps, S state, A action, D width.

Tokens: s_0 a_0 s_1 a_1 ... The action at step t is predicted from the token of s_t, which sees s_0 a_0 ... s_t within the last
`context` steps and never a_t.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.nn.cache import PlayState
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_hidden, previous_states
from understudy.nn.heads import ActionBounds, ActionHead, ActionRange, ValueHead
from understudy.nn.interleave import interleave
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.rows import (
    advance_to_state,
    check_arguments,
    check_bounds,
    check_entries,
    check_rows,
    check_sizes,
    last_states,
    no_actions,
)
from understudy.nn.trunk import Trunk
from understudy.sequences.batch import Batch
from understudy.utils.masking import create_padding_mask

STATE = 0
TOKENS_PER_STEP = 2


class ActionTransformer(nn.Module):
    """Predicts the action and the return to come at every step of a row.

    Args:
        state_dim: S. action_dim: choices, or entries of an action vector. embed_dim: D, of a token.
        num_layers, num_heads: of the trunk. hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row `forward` takes, in steps. discrete_actions: whether actions are choices.
        context: steps a token sees, its own counted; None for all of max_seq_len.
        num_kv_heads: heads of keys and values, each shared by num_heads / num_kv_heads of queries; None for num_heads.
        state_differences: whether a state's token also carries the change since the step before.
        action_dropout: chance that a past action is hidden in a training batch.
        difference_scale: usual size (S,) of a state's change in a step; None for one.
        continuous_loss: of action vectors, "nll" with a learned, state-dependent standard deviation, or "mse".
        action_bounds: lowest and highest action vector, (A,) each, between which the model scales them and against which
            `forward` checks; None where not known, and vectors are then taken as they are.
        gradient_checkpointing: whether training recomputes the blocks' activations rather than keep them.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, or the context is longer than max_seq_len.
    """

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
        *,
        context: int | None = None,
        num_kv_heads: int | None = None,
        state_differences: bool = False,
        action_dropout: float = 0.0,
        difference_scale: Sequence[float] | None = None,
        continuous_loss: Literal["nll", "mse"] = "nll",
        action_bounds: ActionBounds | None = None,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim)
        check_arguments(max_seq_len, context, action_dropout)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.action_dropout = max_seq_len, action_dropout
        self.embed_state = StateEmbedding(state_dim, embed_dim, state_differences, difference_scale)
        self.action_range = None if action_bounds is None else ActionRange(action_dim, action_bounds)
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions, self.action_range)
        self.trunk = Trunk(
            embed_dim,
            num_layers,
            num_heads,
            hidden_dim,
            context=max_seq_len if context is None else context,
            num_kv_heads=num_kv_heads,
            gradient_checkpointing=gradient_checkpointing,
        )
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, continuous_loss, self.action_range)
        self.value_head = ValueHead(embed_dim)
        self.loss = ActionPredictionLoss(discrete_actions, continuous_loss, action_bounds)

    def forward(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> tuple[Tensor, Tensor]:
        """Action predictions (B, T, A), logits or means, and values (B, T).

        Args:
            states: (B, T, S) float32. actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            seq_lens: (B,) int64, steps of each row that are real; what is predicted after them means nothing.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or an action does not exist.
        """
        self._check(states, actions, seq_lens)
        hidden = self._hidden(states, actions, None)
        return self.action_head(hidden)[0], self.value_head(hidden)

    def attention_maps(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> AttentionMaps:
        """What attends to what in `forward`."""
        self._check(states, actions, seq_lens)
        tokens, steps, _ = self._tokens(states, actions, None)
        return attention_maps(self.trunk, tokens, steps, ("state", "action"))

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """The loss terms of a batch and the action predictions (B, T, A); `generator` draws which past actions to hide."""
        chance = self.action_dropout if self.training else 0.0
        hidden = self._hidden(batch.states, batch.actions, draw_hidden(batch.mask.shape, chance, generator))
        preds, log_std = self.action_head(hidden)
        terms = {
            "action": self.loss.action_loss(preds, log_std, batch.labels, batch.mask),
            "value": self.loss.value_loss(self.value_head(hidden), batch.returns_to_go, batch.value_mask),
        }
        return terms, preds

    def new_state(self, num_rows: int) -> PlayState:
        """An empty memory: the cache, each row's last action, and its last state where tokens carry the change since then."""
        memory = {"action": no_actions(num_rows, self.action_dim, self.discrete_actions)}
        if self.embed_state.differences:
            memory["state"] = torch.zeros(num_rows, self.state_dim)
        return PlayState(num_rows, memory, self.trunk.new_cache(num_rows, TOKENS_PER_STEP))

    def step(self, state: PlayState, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        """Action predictions (B, A) for the present states (B, S), with log standard deviations where continuous.

        The last action and the present state go through the trunk as one pass of two tokens.
        """
        token = self.embed_state(observations, last_states(state, observations))
        hidden = advance_to_state(self.trunk, state, self.embed_action(state.memory["action"]), token)
        state.cache.end_step()
        return self.action_head(hidden)

    def acted(self, state: PlayState, actions: Tensor) -> None:
        """Take note of the executed actions (B,) or (B, A)."""
        state.memory["action"] = actions.clone()

    def _check(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> None:
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        check_bounds(actions, create_padding_mask(seq_lens, states.shape[1]), self.action_range)

    def _tokens(self, states: Tensor, actions: Tensor, hide: Tensor | None) -> tuple[Tensor, Tensor, int]:
        return interleave([self.embed_state(states, previous_states(states)), self.embed_action(actions, hide)])

    def _hidden(self, states: Tensor, actions: Tensor, hide: Tensor | None) -> Tensor:
        return self.trunk(*self._tokens(states, actions, hide), token=STATE)


FAMILY = ActionTransformer
