"""A decoder over the states and actions of several agents, who decide one after the other (Wen et al., 2022, "Multi-agent
reinforcement learning is a sequence modeling problem").

B rows, N agents, T steps, S state, A action, D width.

Tokens of a step: s^1 ... s^N d^1 ... d^N. An agent's state token carries its state, who it is, and its action of the step before;
its deciding token carries its state, who it is, and the action that the agent before it has just taken. Its own action is
predicted from there: it sees all agents' states, the actions of the agents before it, never its own nor a later one's.

Tokens of absent agents, and those after an agent's end, are seen by none.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.models.family import Losses, LossTerm
from understudy.nn.agents import check_agents, earlier_actions, own_last_actions, with_absent_zero
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout
from understudy.nn.heads import ActionHead, ValueHead
from understudy.nn.interleave import interleave
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_sizes
from understudy.nn.transformer_options import TransformerOptions
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step

# Who an agent is and what was done begin small beside the states, of which the first norm else leaves little.
SMALL = 0.02


class MultiAgentTransformer(nn.Module):
    """Predicts the action and the return to come of every agent at every step.

    Args:
        state_dim: S, of one agent.
        action_dim: choices, or A, of one agent.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        max_num_agents: how many agents there may be; they are told apart by ids from 0 to max_num_agents - 1.
        num_agents: N at play time, whose ids are 0, 1, ... N - 1; None for max_num_agents.
        attend_between_agents: without, an agent's tokens see its own alone, as if it were on its own.
        options: fields of TransformerOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, there are more agents
            than max_num_agents, or a size makes no sense.
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
        max_num_agents: int,
        *,
        num_agents: int | None = None,
        attend_between_agents: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim, max_num_agents=max_num_agents)
        self.options = TransformerOptions(**options)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.max_num_agents = max_seq_len, max_num_agents
        self.num_agents = max_num_agents if num_agents is None else num_agents
        if not 1 <= self.num_agents <= max_num_agents:
            raise ValueError(
                f"max_num_agents: expected at least the {num_agents} agents there are, got {max_num_agents}"
            )
        self.attend_between_agents = attend_between_agents
        self.embed_state = StateEmbedding(
            state_dim, embed_dim, self.options.state_differences, self.options.difference_scale
        )
        self.burn_in = self.embed_state.window.burn_in
        self.embed_agent = nn.Embedding(max_num_agents, embed_dim)
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions)
        self.deciding = nn.Parameter(SMALL * torch.randn(embed_dim))
        for embedding in (self.embed_agent, self.embed_action.embed):
            nn.init.normal_(embedding.weight, std=SMALL)
        self.trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.action_head = ActionHead(embed_dim, action_dim, discrete_actions, self.options.continuous_loss)
        self.value_head = ValueHead(embed_dim)
        self.loss = ActionPredictionLoss(discrete_actions, self.options.continuous_loss)

    def forward(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict the action and the return to come of every agent at every step.

        Args:
            states: (B, N, T, S) float32.
            agent_ids: (B, N) int64; agents decide in the order in which they stand.
            actions: (B, N, T) int64 or (B, N, T, A) float32, actions[:, :, t] taken at step t.
            seq_lens: (B, N) int64, steps of each agent that are real.
            agent_mask: (B, N) bool, false where there is no agent; what stands in its states, actions, id and length means
                nothing. Nor does what is predicted for it.

        Returns:
            Action predictions (B, N, T, A), values (B, N, T) and the features (B, N, T, D) that both come from.

        Raises:
            ValueError: shapes disagree, N exceeds max_num_agents, T exceeds max_seq_len, an id or an action does not exist, or
                a length is not from 1 to T.
        """
        rows = self._checked(states, agent_ids, actions, seq_lens, agent_mask)
        features = self._features(*rows, None)
        return self.action_head(features)[0], self.value_head(features), features

    def attention_maps(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> AttentionMaps:
        """What attends to what in `forward`; without attention between agents every agent is a row (B * N) of its own."""
        tokens, steps, real = self._tokens(*self._checked(states, agent_ids, actions, seq_lens, agent_mask), None)
        names = [f"{kind} {agent}" for kind in ("state", "deciding") for agent in range(real.shape[1] // 2)]
        return attention_maps(self.trunk, tokens, steps, tuple(names), real.transpose(1, 2).flatten(1))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation and value of rows (B * N); `generator` draws which actions to drop.

        The agents of each `batch.num_agents` neighbouring rows have the ids 0, 1, ... N - 1.
        """
        chance = self.options.action_dropout if self.training else 0.0
        dropped = draw_action_dropout(batch.mask.shape, chance, generator)
        states, actions, lengths = (
            each.unflatten(0, (-1, batch.num_agents))
            for each in (batch["observation"], batch["action"], batch.seq_lens)
        )
        dropped = None if dropped is None else dropped.unflatten(0, (-1, batch.num_agents))
        ids = torch.arange(batch.num_agents, device=states.device).expand(lengths.shape)
        rows = with_absent_zero(states, ids, actions, lengths, lengths > 0)
        features = self._features(*rows, dropped).flatten(0, 1)  # (B * N, T, D)
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
        """An empty memory of rows (B * N), the agents of each environment one after the other.

        In tensors["absent"] (B * N,) bool the caller may mark agents that are not there, or no longer; an episode begins with all
        of them.

        Raises:
            ValueError: the rows are not those of whole environments.
        """
        if num_rows % self.num_agents:
            raise ValueError(
                f"num_rows: expected a multiple of {self.num_agents} agents an environment, got {num_rows}"
            )
        tensors = {
            "absent": torch.zeros(num_rows, dtype=torch.bool),
            **self.embed_state.window.begin(num_rows),
        }
        group = self.num_agents if self.attend_between_agents else 1
        cache = self.trunk.new_cache(num_rows // group, tokens_per_step=2 * group)
        ids = torch.arange(self.num_agents).repeat(num_rows // self.num_agents)
        return RowMemory(num_rows, tensors, cache, group, ids)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions of rows (B * N). Agents decide one after the other, and each sees what those before it have decided."""
        group, cache = memory.group, memory.kv_cache
        present = ~memory.tensors["absent"].view(-1, group)  # (B, N)
        # (B, N, D) each; the states join with the first decision
        of_agents, state_tokens = self._play_tokens(memory, step)
        before = torch.zeros_like(step.previous_action[::group])  # (B,) or (B, A)
        none_before, all_preds, all_actions = torch.ones_like(present[:, 0]), [], []
        for agent in range(group):
            deciding = of_agents[:, agent] + self.deciding + self.embed_action(before, none_before)
            tokens, exists = deciding[:, None], present[:, [agent]]
            if agent == 0:
                tokens, exists = torch.cat([state_tokens, tokens], dim=1), torch.cat([present, exists], dim=1)
            features = self.trunk.decode_step(tokens, (0,) * tokens.shape[1], cache, exists, in_order=agent == 0)
            preds, log_std = self.action_head(features)
            actions = self.action_head.choose(preds, log_std, generator)
            all_preds.append(preds)
            all_actions.append(actions)
            decided = present[:, agent]
            if self.discrete_actions:
                before = torch.where(decided, actions, before)
            else:  # as it will be executed, within the bounds
                before = torch.where(decided[:, None], actions.clamp(-1.0, 1.0), before)
            none_before = none_before & ~decided
        cache.end_step()
        actions, preds = (torch.stack(each, dim=1).flatten(0, 1) for each in (all_actions, all_preds))
        return Decision(actions, predictions=preds)

    def _play_tokens(self, memory: RowMemory, step: Step[Tensor]) -> tuple[Tensor, Tensor]:
        """What all tokens of an agent carry, and the state tokens, (B, N, D) each; the states are remembered."""
        of_agents = self.embed_state.decode_step(memory, step) + self.embed_agent(memory.agent_ids)
        state_tokens = of_agents + self.embed_action(step.previous_action, step.is_first)
        return of_agents.unflatten(0, (-1, memory.group)), state_tokens.unflatten(0, (-1, memory.group))

    def _checked(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States, ids and actions with zeros where nobody is, and where somebody is, (B, N, T) bool."""
        check_agents(states, agent_ids, actions, seq_lens, agent_mask, self.max_seq_len, self.max_num_agents)
        rows = with_absent_zero(states, agent_ids, actions, seq_lens, agent_mask)
        of_agents = (rows[0].flatten(0, 1), rows[2].flatten(0, 1))
        check_entries(
            *of_agents,
            state_dim=self.state_dim,
            action_dim=self.action_dim,
            discrete_actions=self.discrete_actions,
        )
        return rows

    def _tokens(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, real: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, T * 2N, D), the step of each, and whether it exists (B, 2N, T)."""
        if not self.attend_between_agents:
            states, agent_ids, actions, real = (
                each.flatten(0, 1)[:, None] for each in (states, agent_ids, actions, real)
            )
            dropped = None if dropped is None else dropped.flatten(0, 1)[:, None]
        of_agents = self.embed_state(states) + self.embed_agent(agent_ids)[:, :, None]  # (B, N, T, D)
        state_tokens = of_agents + self.embed_action(*own_last_actions(actions, dropped))
        deciding = of_agents + self.deciding + self.embed_action(*earlier_actions(actions, real, dropped))
        tokens, steps, _ = interleave([*state_tokens.unbind(1), *deciding.unbind(1)])
        return tokens, steps, torch.cat([real, real], dim=1)

    def _features(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, real: Tensor, dropped: Tensor | None
    ) -> Tensor:
        """Features (B, N, T, D) of the deciding tokens."""
        tokens, steps, exists = self._tokens(states, agent_ids, actions, real, dropped)
        rows, count, length = exists.shape
        features = self.trunk(tokens, steps, count, exists.transpose(1, 2).flatten(1))  # (B, T * 2N, D)
        deciding = features.view(rows, length, count, features.shape[-1])[:, :, count // 2 :].transpose(
            1, 2
        )  # (B, N, T, D)
        return deciding.reshape(*real.shape, features.shape[-1])


FAMILY = MultiAgentTransformer
