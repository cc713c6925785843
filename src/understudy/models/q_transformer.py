"""A Q-learning transformer: learns from recordings what actions are worth, and does what is worth most.

B rows, T steps, S state, A action, N entries of an action, K heads, V values of an entry, D width.

A causal transformer over states and past actions (nn/q_network.py) says what each action is worth: the reward, discounted, that
comes of it and of acting well thereafter, in units of the data's spread of returns. Each of K heads learns from the rewards of
the next steps and its target network's word on the state that they lead to (losses/q_losses.py), and so may do better than any
demonstrator. What a demonstrator would have done (the column label) is not read: what was done and what came of it is.

An action vector is chosen entry by entry (Chebotar et al., 2023). The value of an entry that another one follows is that of the
best that may follow it; that of the last is what the environment pays.

Where there is a narrow place between state and token (nn/state_autoencoder.py), what passes it may be asked to tell the state.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.errors import DataError
from understudy.losses.masking import masked_mean
from understudy.losses.q_losses import (
    clipped_double_q,
    conservative_penalty,
    discounted_returns,
    n_step_targets,
    row_priorities,
)
from understudy.models.family import Losses, LossTerm
from understudy.nn.action_entries import ActionEntries
from understudy.nn.head_values import check_ucb, upper_confidence_bound
from understudy.nn.q_network import QNetwork
from understudy.nn.q_options import QOptions
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes, with_final_observation
from understudy.nn.state_autoencoder import StateAutoencoder
from understudy.nn.target_network import follow, frozen_copy
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class QTransformer(nn.Module):
    """Says what every action is worth at every step of a row.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        return_scale: mean and standard deviation of raw returns-to-go; the second is the unit of values.
        options: fields of QOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a number makes no
            sense.
    """

    reads: frozenset[str] = frozenset(
        {"observation", "action", "reward", "terminated", "truncated", "final_observation"}
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    Options = QOptions
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
        self.options = QOptions(**options)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len = max_seq_len
        self.return_mean, self.return_std = return_scale
        self.entries = ActionEntries(action_dim, discrete_actions, self.options.num_bins)
        trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.network = QNetwork(state_dim, self.entries, trunk, self.options)
        self.target = frozen_copy(self.network)
        self.burn_in = max(self.options.burn_in, self.network.embed_state.window.burn_in)
        self.look_ahead = self.options.num_steps
        if self.options.penalty == "floor":
            self.reads = self.reads | {"return_to_go"}
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, states: Tensor, actions: Tensor, seq_lens: Tensor) -> Tensor:
        """Values (B, T, N, K, V) of all values of each action entry, given those before it; after a row's end they mean nothing.

        Args:
            states: (B, T, S) float32.
            actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            seq_lens: (B,) int64, steps of each row that are real.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a choice does not exist.
        """
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        return self.network(states, self.entries.encode(actions))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured.

        Raises:
            DataError: nothing is ever paid, or a floor is asked for and no return is known.
        """
        if not steps["reward"].any():
            raise DataError("q_transformer: expected recordings with rewards, of which it learns, got zeros alone")
        if self.options.penalty == "floor" and steps["truncated"].all():
            raise DataError(
                "q_transformer: penalty: expected none or cql, since the return of no episode is known, got floor;"
                " a limit has cut off all of them"
            )

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Squared errors of what was done against its targets, and the penalty; nothing here is random.

        All steps count that the batch says, but a row's last where its episode goes on: what it led to is not seen.
        """
        tokens = self.entries.encode(batch["action"])  # (B, T, N)
        states, following = self._with_final_observation(batch["observation"], tokens, batch)
        online = self.network(states, following)  # (B, T + 1, N, K, V)
        with torch.no_grad():
            targets, known = self._targets(online, self.target(states, following), batch)
        values = online[:, :-1]
        chosen = tokens[..., None, None].expand(*values.shape[:-1], 1)
        taken = values.gather(-1, chosen)[..., 0]  # (B, T, N, K)
        mask, errors = batch.mask & known, taken - targets
        terms = {"value": LossTerm(masked_mean(batch.weighted(errors.square().mean((-2, -1))), mask), mask)}
        if self.options.penalty == "cql":
            penalty = conservative_penalty(values, taken, self.options.penalty_temperature).mean((-2, -1))
            terms["penalty"] = LossTerm(masked_mean(batch.weighted(penalty), mask), mask, self.options.penalty_weight)
        embedding = self.network.embed_state
        if self.options.autoencoder_weight > 0 and isinstance(embedding, StateAutoencoder):
            lost = embedding.errors(batch["observation"])
            terms["reconstruction"] = LossTerm(
                masked_mean(batch.weighted(lost), batch.mask), batch.mask, self.options.autoencoder_weight
            )
        priorities = row_priorities(errors.detach().abs().mean((-2, -1)), mask)
        return Losses(terms, row_errors=priorities)

    def after_update(self) -> None:
        """The target networks follow, every so many updates."""
        self.updates += 1
        due = self.updates % self.options.target_every == 0  # stays on the device, which nothing here waits for
        follow(self.target, self.network, due * self.options.target_rate)

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.network.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int, *, ucb: float = 0.0) -> RowMemory:
        """An empty cache, and each row's last states where tokens carry their differences.

        Args:
            num_rows: B.
            ucb: how many standard deviations of the heads an action is worth more than their mean (Chen et al., 2017): 0
                for what is known to be good, more for what might be, while collecting.

        Raises:
            ValueError: it is below zero, or a single head has no deviation.
        """
        check_ucb(ucb, self.options.num_heads_of_values)
        tensors = self.network.embed_state.window.begin(num_rows)
        cache = self.network.trunk.new_cache(num_rows, self.network.tokens_per_step)
        return RowMemory(num_rows, tensors, cache, settings={"ucb": ucb})

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """The actions worth most; the last action and the state go through the trunk as one pass, further entries one by one.

        With a generator they are those that one head, drawn for each row and step, likes best (Osband et al., 2016).
        """
        count = self.entries.count
        previous = self.entries.encode(step.previous_action)  # (B, N)
        embedded = [self.network.embed_entry(previous[:, n], n) for n in range(count)]
        embedded.append(self.network.embed_state.decode_step(memory, step))
        offsets = (1,) * count + (0,)
        features = self.network.trunk.decode_step(torch.stack(embedded, dim=1), offsets, memory.kv_cache, in_order=True)
        heads = self._draw_heads(memory.num_rows, generator)
        imagined, tokens = self.network.trunk.new_beams(memory.kv_cache, count), []
        for entry in range(count):
            scores = self._scores(self.network.values(features, entry), memory.settings["ucb"], heads)  # (B, V)
            tokens.append(scores.argmax(-1))
            if entry < count - 1:
                sees = torch.ones(1, entry + 1, dtype=torch.bool, device=features.device)
                token = self.network.embed_entry(tokens[-1], entry)[:, None]  # (B, 1, D)
                features = self.network.trunk.decode_beams(token, 0, sees, imagined)[:, 0]
        memory.kv_cache.end_step()
        actions = self.entries.decode(torch.stack(tokens, dim=1))
        return Decision(actions, predictions=scores if self.discrete_actions else None)

    def _with_final_observation(self, states: Tensor, tokens: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """States (B, T + 1, S) with the episode's final observation after a row's last, and tokens (B, T + 1, N)."""
        longer = with_final_observation(states, batch.seq_lens, batch["final_observation"])
        return longer, torch.cat([tokens, tokens[:, -1:]], dim=1)

    def _targets(self, online: Tensor, target: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What was done is worth (B, T, N, K), and where that is known (B, T), from values (B, T + 1, N, K, V)."""
        best = clipped_double_q(online, target, self.options.clipped_heads)  # (B, T + 1, N, K)
        ends = (batch.seq_lens, batch["terminated"], batch["truncated"])
        rewards, discount = batch["reward"] / self.return_std, self.options.discount
        last, known = n_step_targets(
            rewards, best[:, :, 0], *ends, num_steps=self.options.num_steps, discount=discount
        )  # (B, T, K)
        targets = torch.cat([best[:, :-1, 1:], last[:, :, None]], dim=2)
        if self.options.penalty == "floor":
            to_go = batch["return_to_go"] + self.return_mean / self.return_std  # the rewards' sum, in units of values
            floor, exact = discounted_returns(rewards, to_go, *ends[:2], discount)
            held_up = (exact & batch.value_mask)[..., None, None]
            targets = torch.where(held_up, torch.maximum(targets, floor[..., None, None]), targets)
        return targets, known

    def _draw_heads(self, num_rows: int, generator: torch.Generator | None) -> Tensor | None:
        """One of the heads (B,) int64 for each row; None for all of them."""
        if generator is None:
            return None
        return torch.randint(self.options.num_heads_of_values, (num_rows,), generator=generator, device="cpu")

    @staticmethod
    def _scores(values: Tensor, ucb: float, heads: Tensor | None) -> Tensor:
        """What to choose by, (B, V), of values (B, K, V): a head's, or mean + ucb * standard deviation over the heads."""
        if heads is not None:
            return values[torch.arange(len(values), device=values.device), heads.to(values.device)]
        return upper_confidence_bound(values, ucb)


FAMILY = QTransformer
