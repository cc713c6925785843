"""The Decision Transformer (Chen et al., 2021): a decoder that is told which return is to come, and acts for it.

B rows, T steps, S state, A action, D width.

Tokens: s_0 R_0 a_0 s_1 R_1 a_1 ... where R_t is the return-to-go, the raw reward from step t to the end, normalised. The action
at step t is predicted from the token of R_t, which sees everything up to s_t and R_t within the last `context` steps and never
a_t or r_t. At play R_t is the target less what has been paid, the last reward counted.

The paper's order within a step is R s a. Here the state comes first, as in Multi-Game Decision Transformers (Lee et al., 2022):
the action is told the same, and R_t can be predicted from s_t, which expert-action inference needs.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss, cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.models.family import Losses, LossTerm
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout
from understudy.nn.heads import ActionHead
from understudy.nn.interleave import interleave, pick
from understudy.nn.return_conditioning import (
    DEFAULT_TARGET,
    ReturnDistribution,
    ReturnEmbedding,
    TargetReturn,
    add_reward,
    check_paid,
    checked_kappa,
    resolve_target,
)
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes
from understudy.nn.transformer_options import SequenceOptions
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step

STATE, RETURN = 0, 1
TOKENS_PER_STEP = 3


class DecisionTransformer(nn.Module):
    """Predicts the action at every step of a row, given the return that is to come.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        return_scale: mean and standard deviation of raw returns-to-go.
        return_quantiles: of the training episodes' raw returns, ascending.
        return_bins: how many the distribution of returns has that `target_return: expert` needs; 0 for none.
        return_weight: weight of its cross-entropy beside the imitation's loss.
        options: fields of SequenceOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a size makes no
            sense.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"observation", "action", "label", "return_to_go"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    look_ahead = 0
    Options = SequenceOptions

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
        return_scale: tuple[float, float],
        return_quantiles: tuple[float, ...] = (),
        return_bins: int = 0,
        return_weight: float = 0.1,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim)
        if return_bins < 0 or not return_weight >= 0:
            raise ValueError(
                f"return_bins, return_weight: expected at least 0 each, got {return_bins} and {return_weight}"
            )
        self.options = SequenceOptions(**options)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.return_weight = max_seq_len, return_weight
        self.return_mean, self.return_std = return_scale
        self.return_quantiles = return_quantiles
        self.embed_state = StateEmbedding(
            state_dim, embed_dim, self.options.state_differences, self.options.difference_scale
        )
        self.burn_in = self.embed_state.window.burn_in
        self.embed_return = ReturnEmbedding(embed_dim)
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions)
        self.trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, self.options.continuous_loss)
        self.returns = ReturnDistribution(embed_dim, return_bins) if return_bins else None
        self.loss = ActionPredictionLoss(discrete_actions, self.options.continuous_loss)

    def forward(self, states: Tensor, returns_to_go: Tensor, actions: Tensor, seq_lens: Tensor) -> Tensor:
        """Predict the action at every step; what is predicted after a row's end means nothing.

        Args:
            states: (B, T, S) float32.
            returns_to_go: (B, T) float32, normalised.
            actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            seq_lens: (B,) int64, steps of each row that are real.

        Returns:
            Action predictions (B, T, A), logits or means.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a choice does not exist.
        """
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        if returns_to_go.shape != states.shape[:2]:
            raise ValueError(
                f"returns_to_go: expected shape {tuple(states.shape[:2])}, got {tuple(returns_to_go.shape)}"
            )
        tokens = self._tokens(states, returns_to_go, actions, None)
        return self.action_head(self.trunk(*tokens, token=RETURN))[0]

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured.

        Raises:
            DataError: nothing is ever paid, so that all returns are the same.
        """
        check_paid(steps, "decision_transformer")

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation, and what return is to come where that is learned; `generator` draws which past actions to drop."""
        chance = self.options.action_dropout if self.training else 0.0
        dropped = draw_action_dropout(batch.mask.shape, chance, generator)
        returns_to_go = batch["return_to_go"]
        tokens = self._tokens(batch["observation"], returns_to_go, batch["action"], dropped)
        if self.returns is None:
            return self._imitation(self.trunk(*tokens, token=RETURN), batch, {})
        features = self.trunk(*tokens)  # (B, 3T, D)
        logits = self.returns(pick(features, STATE, TOKENS_PER_STEP))
        entropies = cross_entropy_by_step(logits, self.returns.bins(returns_to_go))
        # Of truncated episodes too: what is predicted is the token that the model is fed, the return within the time limit.
        terms = {"return": LossTerm(masked_mean(entropies, batch.mask), batch.mask, self.return_weight)}
        return self._imitation(pick(features, RETURN, TOKENS_PER_STEP), batch, terms)

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int, *, target_return: TargetReturn = DEFAULT_TARGET, kappa: float = 10.0) -> RowMemory:
        """An empty cache, what each row has been paid, and its last states where tokens carry their differences.

        Args:
            num_rows: B.
            target_return: what to act for: a raw return; {"quantile": q}, the return below which a share q of the training
                episodes lies; "expert", what an expert would have from here on, by the distribution that was learned.
            kappa: how much of an expert, where the target is "expert": 0 for what the data have, 10 in Lee et al.

        Raises:
            ValueError: the target or kappa is not finite, kappa is below 0, or "expert" where no distribution was learned.
        """
        if isinstance(target_return, str):
            if self.returns is None:
                raise ValueError("target_return: expected a number or a quantile, since return_bins is 0, got 'expert'")
            settings = {"kappa": checked_kappa(kappa)}
        else:
            settings = {"target": resolve_target(target_return, self.return_quantiles)}
        tensors = {"reward_so_far": torch.zeros(num_rows), **self.embed_state.window.begin(num_rows)}
        return RowMemory(num_rows, tensors, self.trunk.new_cache(num_rows, TOKENS_PER_STEP), settings=settings)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; the last action, the state and the return go through the trunk as one pass.

        For an expert they take two, since the return is predicted from the state.
        """
        reward_so_far = add_reward(memory, step)
        tokens = [self.embed_action(step.previous_action), self.embed_state.decode_step(memory, step)]
        if "target" in memory.settings:
            returns_to_go = (memory.settings["target"] - reward_so_far - self.return_mean) / self.return_std
            tokens.append(self.embed_return(returns_to_go))
            offsets: tuple[int, ...] = (1, 0, 0)
        else:
            assert self.returns is not None
            told = self.trunk.decode_step(torch.stack(tokens, dim=1), (1, 0), memory.kv_cache)
            tokens = [self.embed_return(self.returns.expert(told, memory.settings["kappa"]))]
            offsets = (0,)
        features = self.trunk.decode_step(torch.stack(tokens, dim=1), offsets, memory.kv_cache, in_order=True)
        memory.kv_cache.end_step()
        preds, log_std = self.action_head(features)
        return Decision(self.action_head.choose(preds, log_std, generator), predictions=preds)

    def _imitation(self, features: Tensor, batch: Batch, terms: dict[str, LossTerm]) -> Losses:
        """The loss of the actions that these features (B, T, D) say, beside other terms."""
        preds, log_std = self.action_head(features)
        action = self.loss.action_loss(preds, log_std, batch["label"], batch.mask)
        return Losses({"action": LossTerm(action, batch.mask), **terms}, preds)

    def _tokens(
        self, states: Tensor, returns_to_go: Tensor, actions: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor, int]:
        tokens = [self.embed_state(states), self.embed_return(returns_to_go), self.embed_action(actions, dropped)]
        return interleave(tokens)


FAMILY = DecisionTransformer
