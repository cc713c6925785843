"""A hierarchical policy with call-and-return options (Sutton, Precup and Singh, 1999).

B rows, T steps, S state, A action, O options, D width.

Tokens: s_0 o_0 a_0 s_1 o_1 a_1 ... From the token of s_t the high level says whether the option under way ends and which one
would begin; from the token of o_t the low level predicts the action. That token carries the state as well: left to fetch it by
attention, the low level leaned on the last action, and with continuous actions drifted off. All options share an action
head, which learns from all steps; each has a correction of its own to it, zero at first, which learns from that option's alone.

At play time an option is held until its termination head says so. Terminations are rare, so no single step is likely to be one:
an option ends at the step at which the chance that it should still be going on, the product of 1 - termination since it began,
falls below one half.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.losses.action_losses import ActionPredictionLoss, cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.nn.cache import PlayState
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_hidden, previous_states
from understudy.nn.heads import ActionBounds, ActionHead, ActionRange, ValueHead
from understudy.nn.interleave import interleave, pick
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

STATE, OPTION, ACTION = 0, 1, 2
TOKENS_PER_STEP = 3
HELD_UNTIL = 0.5


class HierarchicalTransformer(nn.Module):
    """Chooses options, ends them, and acts under them.

    Args:
        state_dim, action_dim, embed_dim, num_layers, num_heads, hidden_dim, max_seq_len, discrete_actions, context,
            num_kv_heads, state_differences, action_dropout, difference_scale, continuous_loss, action_bounds,
            gradient_checkpointing: as in ActionTransformer.
        num_options: O.

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
        num_options: int,
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
        check_sizes(state_dim=state_dim, action_dim=action_dim, num_options=num_options)
        check_arguments(max_seq_len, context, action_dropout)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.num_options, self.action_dropout = max_seq_len, num_options, action_dropout
        self.embed_state = StateEmbedding(state_dim, embed_dim, state_differences, difference_scale)
        self.embed_option = nn.Embedding(num_options, embed_dim)
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
        self.option_head = nn.Linear(embed_dim, num_options)
        self.termination_head = nn.Linear(embed_dim, 1)
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, continuous_loss, self.action_range)
        self.corrections = nn.ModuleList(
            [nn.Linear(embed_dim, self.action_head.predict.out_features) for _ in range(num_options)]
        )
        for weights in self.corrections.parameters():
            nn.init.zeros_(weights)
        self.value_head = ValueHead(embed_dim)
        self.loss = ActionPredictionLoss(discrete_actions, continuous_loss, action_bounds)

    def forward(
        self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Option logits (B, T, O), action predictions (B, T, A) under the given options, termination logits (B, T).

        Args:
            states: (B, T, S) float32. actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            options: (B,) int64, held throughout, or (B, T). seq_lens: (B,) int64, steps of each row that are real.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, an action does not exist, or an
                option is not from 0 to O - 1.
        """
        held = self._check(states, actions, options, seq_lens)
        high, low = self._hidden(states, actions, held, None)
        return self.option_head(high), self._act_under(low, held)[0], self.termination_head(high)[..., 0]

    def attention_maps(self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> AttentionMaps:
        """What attends to what in `forward`."""
        held = self._check(states, actions, options, seq_lens)
        tokens, steps, _ = self._tokens(states, actions, held, None)
        return attention_maps(self.trunk, tokens, steps, ("state", "option", "action"))

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """The loss terms of a batch and the action predictions (B, T, A); `generator` draws which past actions to hide.

        All terms are means over the same steps, so that their sum is the negative log-likelihood of options and actions
        together, unless `continuous_loss` is "mse". The option enters at the steps where one begins. The first step of an
        episode always begins one, so terminations enter from the second on.
        """
        if batch.options is None:
            raise ValueError("batch: expected options, got none; the policy should learn from labelled sequences")
        chance = self.action_dropout if self.training else 0.0
        hide = draw_hidden(batch.mask.shape, chance, generator)
        high, low = self._hidden(batch.states, batch.actions, batch.options, hide)
        preds, log_std = self._act_under(low, batch.options)
        choices = cross_entropy_by_step(self.option_head(high), batch.options) * batch.terminations
        endings = functional.binary_cross_entropy_with_logits(
            self.termination_head(high)[..., 0].float(), batch.terminations.float(), reduction="none"
        )
        endings[:, 0] = 0.0
        terms = {
            "action": self.loss.action_loss(preds, log_std, batch.labels, batch.mask),
            "option": masked_mean(choices, batch.mask),
            "termination": masked_mean(endings, batch.mask),
            "value": self.loss.value_loss(self.value_head(high), batch.returns_to_go, batch.value_mask),
        }
        return terms, preds

    def new_state(self, num_rows: int) -> PlayState:
        """An empty memory: the cache, each row's last action, its option, and the chance that it goes on; its last state where
        tokens carry the change since then.

        `option_shift` (B,) int64 is added to every option that the high level chooses, modulo O: zero but for tests of
        whether the options matter.
        """
        memory = {
            "action": no_actions(num_rows, self.action_dim, self.discrete_actions),
            "option": torch.zeros(num_rows, dtype=torch.int64),
            "going_on": torch.zeros(num_rows),
            "option_shift": torch.zeros(num_rows, dtype=torch.int64),
        }
        if self.embed_state.differences:
            memory["state"] = torch.zeros(num_rows, self.state_dim)
        return PlayState(num_rows, memory, self.trunk.new_cache(num_rows, TOKENS_PER_STEP))

    def step(self, state: PlayState, observations: Tensor) -> tuple[Tensor, Tensor | None]:
        """Action predictions (B, A) for the present states (B, S), with log standard deviations where continuous."""
        memory = state.memory
        token = self.embed_state(observations, last_states(state, observations))
        high = advance_to_state(self.trunk, state, self.embed_action(memory["action"]), token)
        going_on = memory["going_on"] * torch.sigmoid(-self.termination_head(high)[:, 0])
        ends = going_on < HELD_UNTIL  # at an episode's start too, where going_on is zero
        chosen = (self.option_head(high).argmax(-1) + memory["option_shift"]) % self.num_options
        memory["option"] = torch.where(ends, chosen, memory["option"])
        memory["going_on"] = torch.where(ends, torch.ones_like(going_on), going_on)
        option_token = token + self.embed_option(memory["option"])
        low = self.trunk.advance(option_token[:, None], (0,), state.cache)
        state.cache.end_step()
        return self._act_under(low, memory["option"])

    def acted(self, state: PlayState, actions: Tensor) -> None:
        """Take note of the executed actions (B,) or (B, A)."""
        state.memory["action"] = actions.clone()

    def _check(self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> Tensor:
        """The option at each step (B, T); ValueError where the arguments of `forward` do not belong together."""
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        batch, length = states.shape[:2]
        check_bounds(actions, create_padding_mask(seq_lens, length), self.action_range)
        if options.shape not in ((batch,), (batch, length)):
            raise ValueError(f"options: expected shape ({batch},) or ({batch}, {length}), got {tuple(options.shape)}")
        if options.numel() and not (0 <= int(options.min()) and int(options.max()) < self.num_options):
            raise ValueError(
                f"options: expected from 0 to {self.num_options - 1}, got {int(options.min())} to {int(options.max())}"
            )
        return options[:, None].expand(batch, length) if options.ndim == 1 else options

    def _tokens(
        self, states: Tensor, actions: Tensor, options: Tensor, hide: Tensor | None
    ) -> tuple[Tensor, Tensor, int]:
        state_tokens = self.embed_state(states, previous_states(states))
        option_tokens = state_tokens + self.embed_option(options)
        return interleave([state_tokens, option_tokens, self.embed_action(actions, hide)])

    def _hidden(self, states: Tensor, actions: Tensor, options: Tensor, hide: Tensor | None) -> tuple[Tensor, Tensor]:
        """Hidden states of the high and of the low level, (B, T, D) each."""
        hidden = self.trunk(*self._tokens(states, actions, options, hide))
        return pick(hidden, STATE, TOKENS_PER_STEP), pick(hidden, OPTION, TOKENS_PER_STEP)

    def _act_under(self, low: Tensor, options: Tensor) -> tuple[Tensor, Tensor | None]:
        """The prediction (..., A) under each option (...), from low (..., D).

        One correction after the other, since outputs of all options side by side, (..., O, A), can be large.
        """
        first, *others = self.corrections
        correction = first(low)
        for option, other in enumerate(others, start=1):
            correction = torch.where((options == option)[..., None], other(low), correction)
        return self.action_head.split(self.action_head.predict(low) + correction)


FAMILY = HierarchicalTransformer
