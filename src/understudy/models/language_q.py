"""Implicit language Q-learning (Snell et al., 2022): a model of language that knows what its tokens are worth.

B rows, T steps, S components of a step, A tokens, K heads of values, D width.

As language_bc it predicts the next token of the player's from the whole text before it. Beside that, K heads say what each token
is worth, and one what the text is worth up to there: an upper expectile of what tokens are worth, among those that were written.
A token is drawn to its reward and to what the text is worth after it, so that nothing is ever asked of a token that nobody wrote
(Kostrikov et al., 2022). It plays by log pi(a) + beta (Q(a) - V): what is usually written, and is worth more than usual.

Values are raw rewards, in units of the data's spread of returns.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.errors import DataError
from understudy.losses.action_losses import cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.losses.q_losses import (
    conservative_penalty,
    discounted_returns,
    expectile_loss,
    n_step_targets,
    row_priorities,
)
from understudy.models.family import Losses, LossTerm
from understudy.nn.head_values import check_ucb, upper_confidence_bound
from understudy.nn.heads import choose_actions, multilayer_perceptron
from understudy.nn.language_options import LanguageQOptions
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_choices, check_sizes, check_texts, with_final_observation
from understudy.nn.target_network import follow, frozen_copy
from understudy.nn.text_encoder import TextEncoder
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class TokenValues(nn.Module):
    """What tokens are worth, by K heads on one encoder: the part that a target network copies.

    Args:
        encoder: of texts.
        width: D.
        num_tokens: A.
        num_heads: K.
    """

    def __init__(self, encoder: TextEncoder, width: int, num_tokens: int, num_heads: int) -> None:
        super().__init__()
        self.encoder, self.num_heads = encoder, num_heads
        self.head = multilayer_perceptron([width, width, num_heads * num_tokens], "relu")

    def forward(self, states: Tensor) -> Tensor:
        """Values (B, T, K, A) of steps (B, T, S)."""
        return self.values(self.encoder(states))

    def values(self, features: Tensor) -> Tensor:
        """Values (..., K, A), float32, of features (..., D)."""
        return self.head(features).float().unflatten(-1, (self.num_heads, -1))


class LanguageQ(nn.Module):
    """Predicts the next token, and says what each is worth, at every step of a row.

    Args:
        state_dim: S.
        action_dim: A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: has to be true, since tokens are choices.
        return_scale: mean and standard deviation of raw returns-to-go; the second is the unit of values.
        options: fields of LanguageQOptions.

    Raises:
        ValueError: actions are vectors, embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len,
            or a number makes no sense.
    """

    reads: frozenset[str] = frozenset(
        {"observation", "action", "label", "reward", "terminated", "truncated", "final_observation"}
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    look_ahead = 0
    Options = LanguageQOptions
    updates: Tensor

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
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim)
        check_choices(discrete_actions)
        self.options = LanguageQOptions(**options)
        self.state_dim, self.action_dim, self.max_seq_len = state_dim, action_dim, max_seq_len
        self.return_mean, self.return_std = return_scale
        encoder = self.options.build_encoder(state_dim, embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.burn_in = encoder.burn_in
        self.tokens = TokenValues(encoder, embed_dim, action_dim, self.options.num_heads_of_values)
        self.target = frozen_copy(self.tokens)
        self.policy_head = nn.Linear(embed_dim, action_dim)
        self.value_head = multilayer_perceptron([embed_dim, embed_dim, 1], "relu")
        if self.options.targets == "monte_carlo":
            self.reads = self.reads | {"return_to_go"}
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, states: Tensor, seq_lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is said of the next token at every step; after a row's end it means nothing.

        Args:
            states: (B, T, S) float32.
            seq_lens: (B,) int64, steps of each row that are real.

        Returns:
            Logits (B, T, A), values of tokens (B, T, K, A), and values of texts (B, T).

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, or a length is not from 1 to T.
        """
        check_texts(states, seq_lens, self.state_dim, self.max_seq_len)
        features = self.tokens.encoder(states)
        return self.policy_head(features), self.tokens.values(features), self._text_values(features)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured.

        Raises:
            DataError: values are to be drawn to returns, and none is known: a limit has cut off every game.
        """
        if self.options.targets == "monte_carlo" and steps["truncated"].all():
            raise DataError(
                "language_q: targets: expected bootstrap, since the return of no game is known, got monte_carlo; a limit has"
                " cut off all of them"
            )

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation, squared errors of tokens, expectile errors of texts, and the penalty; nothing here is random.

        Values of all steps count that the batch says, but of the last of a chunk from which its game goes on: what it led to is
        not seen.
        """
        rows, length = batch.trimmed(), batch.mask.shape[1]
        states = with_final_observation(rows["observation"], rows.seq_lens, rows["final_observation"])
        features = self.tokens.encoder(states)  # (B, T + 1, D)
        preds, text_values = self.policy_head(features[:, :-1]), self._text_values(features)
        values = self.tokens.values(features[:, :-1])  # (B, T, K, A)
        taken = _of_tokens(values, rows["action"])  # (B, T, K)
        with torch.no_grad():
            targets, known = self._targets(text_values, rows)
            best = _of_tokens(self.target(states[:, :-1]), rows["action"]).amin(-1)  # (B, T)
        errors, mask = taken - targets[..., None], rows.mask & known
        of_texts = expectile_loss(best - text_values[:, :-1], self.options.expectile)
        padding, weight = length - rows.mask.shape[1], self.options.value_weight
        whole_mask = functional.pad(mask, (0, padding))
        surprises = rows.weighted(cross_entropy_by_step(preds, rows["label"]))
        terms = {
            "action": LossTerm(masked_mean(surprises, rows.mask), batch.mask),
            "token_value": LossTerm(masked_mean(rows.weighted(errors.square().mean(-1)), mask), whole_mask, weight),
            "text_value": LossTerm(masked_mean(rows.weighted(of_texts), mask), whole_mask, weight),
        }
        if self.options.penalty_weight > 0:
            penalty = conservative_penalty(values, taken, self.options.penalty_temperature).mean(-1)
            mean = masked_mean(rows.weighted(penalty), mask)
            terms["penalty"] = LossTerm(mean, whole_mask, self.options.penalty_weight)
        row_errors = row_priorities(errors.detach().abs().mean(-1), mask)
        return Losses(terms, functional.pad(preds, (0, 0, 0, padding)), row_errors)

    def after_update(self) -> None:
        """The target network follows, every so many updates."""
        self.updates += 1
        due = self.updates % self.options.target_every == 0  # stays on the device, which nothing here waits for
        follow(self.target, self.tokens, due * self.options.target_rate)

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.tokens.encoder.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int, *, beta: float = 1.0, ucb: float | None = None) -> RowMemory:
        """An empty cache.

        Args:
            num_rows: B.
            beta: how much a token counts that is worth a standard deviation of returns more than its text, against e times
                the likelihood of being written; 0 imitates.
            ucb: how many standard deviations of the heads a token is worth more than their mean; None for the least of them.

        Raises:
            ValueError: one is below zero, or a single head has no deviation.
        """
        if not 0 <= beta < float("inf"):
            raise ValueError(f"beta: expected a number from 0, got {beta}")
        if ucb is not None:
            check_ucb(ucb, self.options.num_heads_of_values)
        memory = self.tokens.encoder.begin(num_rows)
        memory.settings |= {"beta": beta, "ucb": ucb}
        return memory

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """The tokens with the highest log pi + beta (Q - V), or tokens drawn by its softmax.

        Q is the least of the heads' values, or with `ucb` their upper confidence bound.
        """
        features = self.tokens.encoder.decode_step(memory, step)
        values, ucb = self.tokens.values(features), memory.settings["ucb"]
        of_tokens = values.amin(-2) if ucb is None else upper_confidence_bound(values, ucb)
        advantages = of_tokens - self._text_values(features)[..., None]
        scores = self.policy_head(features).log_softmax(-1) + memory.settings["beta"] * advantages
        return Decision(choose_actions(scores, None, True, generator), predictions=scores)

    def _text_values(self, features: Tensor) -> Tensor:
        return torch.squeeze(self.value_head(features).float(), -1)

    def _targets(self, text_values: Tensor, rows: Batch) -> tuple[Tensor, Tensor]:
        """What was written is worth (B, T), and where that is known (B, T), from values of texts (B, T + 1)."""
        rewards, discount = rows["reward"] / self.return_std, self.options.discount
        ends = (rows.seq_lens, rows["terminated"], rows["truncated"])
        if self.options.targets == "monte_carlo":
            to_go = rows["return_to_go"] + self.return_mean / self.return_std  # the rewards' sum, in units of values
            returns, exact = discounted_returns(rewards, to_go, *ends[:2], discount)
            return returns, exact & rows.value_mask
        targets, known = n_step_targets(
            rewards, text_values[..., None], *ends, num_steps=self.options.num_steps, discount=discount
        )
        return targets[..., 0], known


def _of_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    """Those (B, T, K) of the tokens (B, T) that were written, among values (B, T, K, A)."""
    return values.gather(-1, tokens[..., None, None].expand(*values.shape[:-1], 1))[..., 0]


FAMILY = LanguageQ
