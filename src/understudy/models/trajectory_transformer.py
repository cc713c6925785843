"""The Trajectory Transformer (Janner et al., 2021): a causal model of whole trajectories, number by number.

B rows, T steps, S state, A action, M = S + A + 1 tokens a step (one for an action that is a choice), D width, V vocabulary.

Tokens: the bins of s_0's components, a_0's entries, r_0, then s_1, ... Each is predicted from all before it within the last
`context` steps. From the token of r_t come also the return-to-go from t on, and whether the environment ends the episode there.
The original has a token for the return-to-go and then masks it from all that follow, since at play it is not known; here it is
predicted alone, which is the same. It replaces an episode's last reward by a penalty; here the true one is kept.

One model acts in four ways (`play.decoding`): the likeliest action, or one drawn like the data, which imitates; a beam search for
the likeliest trajectory, which imitates without a goal; one for reward and return-to-go, which plans.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.losses.action_losses import cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.models.family import Losses, LossTerm
from understudy.nn.bin_vectors import BinLogits
from understudy.nn.discretise import Binning
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes
from understudy.nn.step_embedding import StepEmbedding
from understudy.nn.step_tokens import StepTokens
from understudy.nn.transformer_options import TrunkOptions
from understudy.planning.beam import search
from understudy.planning.decoding import BEAM_WIDTH, HORIZON, Decoding, decoding_settings, step_uniforms
from understudy.planning.model import ImaginedStep
from understudy.planning.sampling import continue_present
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class TrajectoryTransformer(nn.Module):
    """Predicts every number of a trajectory from those before it.

    Args:
        state_dim: S.
        action_dim: choices, or A.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices.
        return_scale: mean and standard deviation of raw returns-to-go.
        component_names: of the state's S components, for messages; () for their numbers.
        num_bins: of each number, at most.
        binning: "quantile", bins that hold as many numbers each, or "uniform", bins as wide; beside those of atoms and tails.
        state_weight: weight of the states' cross-entropy, a mean over components, beside those of reward, return and end.
        action_weight: weight of the actions' cross-entropy, a sum over entries.
        options: fields of TrunkOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a size makes no
            sense.
    """

    reads: ClassVar[frozenset[str]] = frozenset(
        {"observation", "action", "label", "reward", "return_to_go", "terminated"}
    )
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    burn_in, look_ahead = 1, 0
    Options = TrunkOptions

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
        component_names: tuple[str, ...] = (),
        num_bins: int = 64,
        binning: Binning = "quantile",
        state_weight: float = 1.0,
        action_weight: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim)
        if not (state_weight >= 0 and action_weight >= 0):
            raise ValueError(
                f"state_weight, action_weight: expected at least 0 each, got {state_weight} and {action_weight}"
            )
        self.action_dim, self.discrete_actions, self.max_seq_len = action_dim, discrete_actions, max_seq_len
        self.binning, self.state_weight, self.action_weight = binning, state_weight, action_weight
        self.return_mean, self.return_std = return_scale
        names = component_names or tuple(f"state {component}" for component in range(state_dim))
        self.tokens = StepTokens(names, action_dim, discrete_actions, num_bins)
        self.tokens_per_step, vocabulary = self.tokens.per_step, self.tokens.vocabulary
        self.embedding = StepEmbedding(state_dim, self.tokens_per_step, vocabulary, embed_dim)
        self.trunk = TrunkOptions(**options).build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.heads = BinLogits(self.tokens_per_step, vocabulary, embed_dim)  # each position's says its successor
        self.return_head, self.stop_head = nn.Linear(embed_dim, num_bins), nn.Linear(embed_dim, 1)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Measure the bins on the training steps; a warning names those dimensions of which too much is lost in them."""
        self.tokens.fit(
            steps["observation"], steps["action"], steps["reward"], steps["return_to_go"], binning=self.binning
        )

    def forward(self, states: Tensor, actions: Tensor, rewards: Tensor, seq_lens: Tensor) -> Tensor:
        """Logits (B, T, M, V) of each token's successor; those after a row's end mean nothing.

        Args:
            states: (B, T, S) float32.
            actions: (B, T) int64 or (B, T, A) float32, actions[:, t] taken at step t.
            rewards: (B, T) float32, raw, rewards[:, t] paid for it.
            seq_lens: (B,) int64, steps of each row that are real.

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a choice does not exist.
        """
        check_rows(states, actions, seq_lens, self.max_seq_len)
        sizes = {"state_dim": self.tokens.num_states, "action_dim": self.action_dim}
        check_entries(states, actions, **sizes, discrete_actions=self.discrete_actions)
        if rewards.shape != states.shape[:2]:
            raise ValueError(f"rewards: expected shape {tuple(states.shape[:2])}, got {tuple(rewards.shape)}")
        return self._logits(self._features(self.tokens.encode(states, actions, rewards), states))

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Cross-entropies of all tokens, of the return-to-go and of the end; nothing here is random.

        The action that is to be predicted is the demonstrated one; what follows it is predicted from the executed one.
        """
        tokens = self.tokens.encode(batch["observation"], batch["action"], batch["reward"])  # (B, T, M)
        labels = self.tokens.encode(batch["observation"], batch["label"], batch["reward"])
        features = self._features(tokens, batch["observation"])  # (B, T, M, D)
        logits = self._logits(features)
        states, reward = self.tokens.num_states, self.tokens_per_step - 1
        within = cross_entropy_by_step(logits[:, :, :reward], labels[:, :, 1:])  # (B, T, M - 1)
        across = cross_entropy_by_step(logits[:, :-1, reward], tokens[:, 1:, 0])  # (B, T - 1)
        # The first step of a chunk does not follow a step that is seen; padding does not count in any case.
        of_states = torch.cat([functional.pad(across, (1, 0))[..., None], within[:, :, : states - 1]], dim=-1).mean(-1)
        returns = cross_entropy_by_step(
            self.return_head(features[:, :, reward]), self.tokens.encode_returns(batch["return_to_go"])
        )
        stops = functional.binary_cross_entropy_with_logits(
            self.stop_logits(features[:, :, reward]), batch["terminated"].float(), reduction="none"
        )
        by_name = {
            "state": of_states,
            "action": within[:, :, states - 1 : reward - 1].sum(-1),
            "reward": within[:, :, reward - 1],
            "stop": stops,
        }
        terms = {name: LossTerm(masked_mean(values, batch.mask), batch.mask) for name, values in by_name.items()}
        terms["state"] = LossTerm(terms["state"].mean, batch.mask, self.state_weight)
        terms["action"] = LossTerm(terms["action"].mean, batch.mask, self.action_weight)
        # Of truncated episodes too: a plan is for the return within the time limit.
        terms["return"] = LossTerm(masked_mean(returns, batch.mask), batch.mask)
        return Losses(terms, self._predictions(logits))

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(
        self,
        num_rows: int,
        *,
        decoding: Decoding = "greedy",
        horizon: int = HORIZON,
        beam_width: int = BEAM_WIDTH,
        actions: int | None = None,
        least_probability: float = 0.0,
        likelihood_weight: float = 0.0,
    ) -> RowMemory:
        """An empty cache, and each row's last state.

        Args:
            num_rows: B.
            decoding: "greedy", the likeliest action; "sample", drawn like the data, by the episode's seed; "likelihood" or
                "return", the first action of the best beam.
            horizon: steps that a search looks ahead.
            beam_width: how many beams go on after each of them.
            actions: how many actions of each beam are tried, the likeliest ones; None for all choices.
            least_probability: of an action that is tried, but for the likeliest.
            likelihood_weight: for how much return, beside it, the mean log-probability of a plan's token counts.

        Raises:
            ValueError: a number makes no sense, there cannot be so many beams, or there is no reward to plan for.
        """
        settings = decoding_settings(
            self.tokens,
            decoding,
            horizon=horizon,
            beam_width=beam_width,
            actions=actions,
            least_probability=least_probability,
            likelihood_weight=likelihood_weight,
        )
        tensors = {"state": torch.zeros(num_rows, self.tokens.num_states)}
        cache = self.trunk.new_cache(num_rows, self.tokens_per_step)
        return RowMemory(num_rows, tensors, cache, settings=settings)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; the last action, its reward and the state go through the trunk as one pass."""
        features = self.decode_present(memory, step)
        if "search" in memory.settings and generator is None:
            best = search(self, features, step.observation, memory.kv_cache, memory.settings["search"])
            tokens, logits = best.tokens[:, 0, : self.tokens.num_actions], None
        else:
            draws = step_uniforms(memory, generator)
            tokens, _ = continue_present(
                self, features, step.observation, memory.kv_cache, self.tokens.num_actions, draws
            )
            logits = self.next_logits(features, self.tokens.num_states - 1)[..., : self.action_dim]
        memory.kv_cache.end_step()
        return Decision(self.tokens.decode_actions(tokens), predictions=logits if self.discrete_actions else None)

    def decode_present(self, memory: RowMemory, step: Step[Tensor]) -> Tensor:
        """Features (B, D) of the present states' last tokens; the last action, its reward and the state join the cache."""
        states, entries = self.tokens.num_states, self.tokens.num_actions + 1
        tokens = self.tokens.encode(step.observation, step.previous_action, step.previous_reward)
        embedded = self.embedding.present(tokens, memory.tensors["state"], step.observation)  # (B, M, D)
        memory.tensors["state"] = step.observation.clone()
        embedded = torch.cat([embedded[:, states:], embedded[:, :states]], dim=1)
        return self.trunk.decode_step(embedded, (1,) * entries + (0,) * states, memory.kv_cache, in_order=True)

    def imagine_step(self, memory: RowMemory, step: Step[Tensor]) -> ImaginedStep:
        """What happens next, all drawn like the data by the episode's seed.

        Args:
            memory: of rows whose `decoding` is "sample"; the present states join it, what is imagined does not.
            step: the present states, and what has been done and paid before.
        """
        features, count = self.decode_present(memory, step), self.tokens_per_step
        draws = step_uniforms(memory, None)
        drawn, stop_logits = continue_present(self, features, step.observation, memory.kv_cache, count, draws)
        assert draws is not None and stop_logits is not None
        memory.kv_cache.end_step()
        action, reward, state = drawn.split([self.tokens.num_actions, 1, self.tokens.num_states], dim=1)
        return ImaginedStep(
            self.tokens.decode_actions(action),
            self.tokens.decode_rewards(reward[:, 0]),
            draws(count) < stop_logits.double().sigmoid(),
            self.tokens.decode_states(state),
        )

    # What planning asks of it (planning/model.py)

    def embed(self, tokens: Tensor, position: int, states: Tensor) -> Tensor:
        """Embedded tokens (..., D) of tokens (...) int64 at this position, after the last whole state (..., S)."""
        return self.embedding.at(tokens, position, states)

    def next_logits(self, features: Tensor, position: int) -> Tensor:
        """Logits (..., V) of the token after this position, from its features (..., D); -inf where there is no such token."""
        logits = self.heads.at(features, position)
        following = (position + 1) % self.tokens_per_step
        return logits.float().masked_fill(self.tokens.missing()[following], -torch.inf)

    def expected_return(self, features: Tensor) -> Tensor:
        """Raw return-to-go (...) that is expected, the step's own reward counted, from the features (..., D) of its reward."""
        return self.return_mean + self.return_std * self.tokens.expected_returns(self.return_head(features))

    def stop_logits(self, features: Tensor) -> Tensor:
        """Logits (...) that the environment ends the episode with the step, from the features (..., D) of its reward."""
        return self.stop_head(features)[..., 0].float()

    def _features(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Features (B, T, M, D) of tokens (B, T, M) and the states (B, T, S) among them."""
        steps = torch.arange(tokens.shape[1], device=tokens.device).repeat_interleave(self.tokens_per_step)
        embedded = self.embedding(tokens, states).flatten(1, 2)
        return self.trunk(embedded, steps, self.tokens_per_step).unflatten(1, (tokens.shape[1], self.tokens_per_step))

    def _logits(self, features: Tensor) -> Tensor:
        """Logits (B, T, M, V) of each token's successor, from features (B, T, M, D)."""
        return self.heads(features).float().masked_fill(self.tokens.missing().roll(-1, 0), -torch.inf)

    def _predictions(self, logits: Tensor) -> Tensor:
        """Logits (B, T, A) of choices; the likeliest entries of vectors, each after the executed ones before it."""
        first = self.tokens.num_states - 1
        entries = logits[:, :, first : first + self.tokens.num_actions]  # (B, T, 1 or A, V)
        if self.discrete_actions:
            return entries[:, :, 0, : self.action_dim]
        return self.tokens.decode_actions(entries.argmax(-1))


FAMILY = TrajectoryTransformer
