"""A hierarchical policy with call-and-return options (Sutton, Precup and Singh, 1999).

B rows, T steps, S state, A action, O options, D width.

Tokens: s_0 o_0 a_0 s_1 o_1 a_1 ... From the token of s_t the high level says whether the option under way ends and which one
would begin; from the token of o_t the low level predicts the action. That token carries the state as well: left to fetch it by
attention, the low level leaned on the last action, and with continuous actions drifted off. All options share an action
head, which learns from all steps; each has a correction of its own to it, zero at first, which learns from that option's alone.

At play time an option is held until its termination head says so. Terminations are rare, so no single step is likely to be one:
an option ends at the step at which its chance of survival, the product of 1 - termination since it began, falls below one half.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.losses.action_losses import ActionPredictionLoss, cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.models.family import Losses, LossTerm
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout
from understudy.nn.heads import ActionHead, ValueHead
from understudy.nn.interleave import interleave, pick
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes, decode_state
from understudy.nn.transformer_options import TransformerOptions
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step

STATE, OPTION, ACTION = 0, 1, 2
TOKENS_PER_STEP = 3
LEAST_SURVIVAL = 0.5


class HierarchicalTransformer(nn.Module):
    """Chooses options, ends them, and acts under them.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        num_options: O.
        options: fields of TransformerOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a size makes no
            sense.
    """

    reads: ClassVar[frozenset[str]] = frozenset(
        {"observation", "action", "label", "return_to_go", "option", "termination"}
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"shuffled": {"shuffle_options": True}}
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
        num_options: int,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim, num_options=num_options)
        self.options = TransformerOptions(**options)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.num_options = max_seq_len, num_options
        self.embed_state = StateEmbedding(
            state_dim, embed_dim, self.options.state_differences, self.options.difference_scale
        )
        self.burn_in = self.embed_state.window.burn_in
        self.embed_option = nn.Embedding(num_options, embed_dim)
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions)
        self.trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.option_head = nn.Linear(embed_dim, num_options)
        self.termination_head = nn.Linear(embed_dim, 1)
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, self.options.continuous_loss)
        self.corrections = nn.ModuleList(
            [nn.Linear(embed_dim, self.action_head.predict.out_features) for _ in range(num_options)]
        )
        for weights in self.corrections.parameters():
            nn.init.zeros_(weights)
        self.value_head = ValueHead(embed_dim)
        self.loss = ActionPredictionLoss(discrete_actions, self.options.continuous_loss)

    def forward(
        self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict options, actions under the given options, and terminations at every step.

        Args:
            states: (B, T, S) float32.
            actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            options: (B,) int64, the same throughout, or (B, T).
            seq_lens: (B,) int64, steps of each row that are real.

        Returns:
            Option logits (B, T, O), action predictions (B, T, A), and logits (B, T) that the option before ends at the step.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, a choice does not exist, or an option
                is not from 0 to O - 1.
        """
        by_step = self._check(states, actions, options, seq_lens)
        high, low = self._features(states, actions, by_step, None)
        return self.option_head(high), self._act_under(low, by_step)[0], self.termination_head(high)[..., 0]

    def attention_maps(self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> AttentionMaps:
        """What attends to what in `forward`, whose arguments these are."""
        by_step = self._check(states, actions, options, seq_lens)
        tokens, steps, _ = self._tokens(states, actions, by_step, None)
        return attention_maps(self.trunk, tokens, steps, ("state", "option", "action"))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation, options and value; `generator` draws which past actions to drop.

        All terms but the value are means over the same steps, so that their sum is the negative log-likelihood of options and
        actions together, unless `continuous_loss` is "mse". The option enters at the steps where one begins. The first step of
        an episode always begins one, so terminations enter from the second on.
        """
        options, terminations = batch["option"], batch["termination"]
        chance = self.options.action_dropout if self.training else 0.0
        dropped = draw_action_dropout(batch.mask.shape, chance, generator)
        high, low = self._features(batch["observation"], batch["action"], options, dropped)
        preds, log_std = self._act_under(low, options)
        choices = cross_entropy_by_step(self.option_head(high), options) * terminations
        endings = functional.binary_cross_entropy_with_logits(
            self.termination_head(high)[..., 0].float(), terminations.float(), reduction="none"
        )
        endings[:, 0] = 0.0
        value = self.loss.value_loss(self.value_head(high), batch["return_to_go"], batch.value_mask)
        action = self.loss.action_loss(preds, log_std, batch["label"], batch.mask)
        terms = {
            "action": LossTerm(action, batch.mask),
            "option": LossTerm(masked_mean(choices, batch.mask), batch.mask),
            "termination": LossTerm(masked_mean(endings, batch.mask), batch.mask),
            "value": LossTerm(value, batch.value_mask, self.options.value_weight),
        }
        return Losses(terms, preds)

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int, *, shuffle_options: bool = False) -> RowMemory:
        """An empty cache, each row's option and its chance of survival, and its last states where tokens carry their differences.

        Args:
            num_rows: B.
            shuffle_options: whether each option that the high level chooses is exchanged for another, by a rotation that derives
                from the episode's seed; what a policy loses by that is what its options are worth.
        """
        tensors = {
            "option": torch.zeros(num_rows, dtype=torch.int64),
            "survival_prob": torch.zeros(num_rows),
            **self.embed_state.window.begin(num_rows),
        }
        cache = self.trunk.new_cache(num_rows, TOKENS_PER_STEP)
        return RowMemory(num_rows, tensors, cache, settings={"shuffle_options": shuffle_options})

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states, under the options that go on or begin."""
        state_tokens = self.embed_state.decode_step(memory, step)
        high = decode_state(self.trunk, memory, self.embed_action(step.previous_action), state_tokens)
        options = self._follow_options(memory, high)
        option_tokens = state_tokens + self.embed_option(options)
        low = self.trunk.decode_step(option_tokens[:, None], (0,), memory.kv_cache)
        memory.kv_cache.end_step()
        preds, log_std = self._act_under(low, options)
        return Decision(self.action_head.choose(preds, log_std, generator), options, preds)

    def _follow_options(self, memory: RowMemory, high: Tensor) -> Tensor:
        """The option (B,) of each row at this step, given the high level's features (B, D); it is remembered."""
        survival = memory.tensors["survival_prob"] * torch.sigmoid(-self.termination_head(high)[:, 0])
        ends = survival < LEAST_SURVIVAL  # at an episode's start too, where it is zero
        chosen = self.option_head(high).argmax(-1)
        if memory.settings["shuffle_options"]:
            chosen = (chosen + 1 + memory.seeds % max(1, self.num_options - 1)) % self.num_options
        memory.tensors["option"] = torch.where(ends, chosen, memory.tensors["option"])
        memory.tensors["survival_prob"] = torch.where(ends, torch.ones_like(survival), survival)
        return memory.tensors["option"]

    def _check(self, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> Tensor:
        """The option at each step (B, T); ValueError where the arguments of `forward` do not belong together."""
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        batch, length = states.shape[:2]
        if options.shape not in ((batch,), (batch, length)):
            raise ValueError(f"options: expected shape ({batch},) or ({batch}, {length}), got {tuple(options.shape)}")
        if options.numel() and not (0 <= int(options.min()) and int(options.max()) < self.num_options):
            raise ValueError(
                f"options: expected from 0 to {self.num_options - 1}, got {int(options.min())} to {int(options.max())}"
            )
        return options[:, None].expand(batch, length) if options.ndim == 1 else options

    def _tokens(
        self, states: Tensor, actions: Tensor, options: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor, int]:
        state_tokens = self.embed_state(states)
        option_tokens = state_tokens + self.embed_option(options)
        return interleave([state_tokens, option_tokens, self.embed_action(actions, dropped)])

    def _features(
        self, states: Tensor, actions: Tensor, options: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Features of the high and of the low level, (B, T, D) each."""
        features = self.trunk(*self._tokens(states, actions, options, dropped))
        return pick(features, STATE, TOKENS_PER_STEP), pick(features, OPTION, TOKENS_PER_STEP)

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
