"""A decoder over the states and actions of several agents, who decide one after the other (Wen et al., 2022, "Multi-agent
reinforcement learning is a sequence modeling problem").

B rows, N agents, T steps, S state, A action, D width.

Tokens of a step: s^1 ... s^N d^1 ... d^N. An agent's state token carries its state, who it is, and its action of the step before;
its deciding token carries its state, who it is, and the action that the agent before it has just taken. Its own action is
predicted from there: it sees all agents' states, the actions of the agents before it, never its own nor a later one's.

Tokens of absent agents, and those after an agent's end, are seen by none.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from understudy.losses.action_losses import ActionPredictionLoss
from understudy.nn.agents import check_agents, earlier_actions, own_last_actions, with_absent_zero
from understudy.nn.cache import PlayState
from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_hidden, previous_states
from understudy.nn.heads import ActionBounds, ActionHead, ActionRange, ValueHead
from understudy.nn.interleave import interleave
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.rows import (
    check_arguments,
    check_bounds,
    check_entries,
    check_sizes,
    no_actions,
)
from understudy.nn.trunk import Trunk
from understudy.sequences.batch import Batch

# Who an agent is and what was done begin small beside the states, of which the first norm else leaves little.
SMALL = 0.02

Choose = Callable[[Tensor, Tensor | None], Tensor]


class MultiAgentTransformer(nn.Module):
    """Predicts the action and the return to come of every agent at every step.

    Args:
        state_dim, action_dim, embed_dim, num_layers, num_heads, hidden_dim, max_seq_len, discrete_actions, context,
            num_kv_heads, state_differences, action_dropout, difference_scale, continuous_loss, action_bounds,
            gradient_checkpointing: as in ActionTransformer; states and actions are those of one agent.
        max_num_agents: how many agents there may be; they are told apart by ids from 0 to max_num_agents - 1.
        attend_between_agents: without, an agent's tokens see its own alone, as if it were on its own.

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
        max_num_agents: int,
        *,
        context: int | None = None,
        num_kv_heads: int | None = None,
        state_differences: bool = False,
        action_dropout: float = 0.0,
        attend_between_agents: bool = True,
        difference_scale: Sequence[float] | None = None,
        continuous_loss: Literal["nll", "mse"] = "nll",
        action_bounds: ActionBounds | None = None,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        check_sizes(state_dim=state_dim, action_dim=action_dim, max_num_agents=max_num_agents)
        check_arguments(max_seq_len, context, action_dropout)
        self.state_dim, self.action_dim, self.discrete_actions = state_dim, action_dim, discrete_actions
        self.max_seq_len, self.max_num_agents, self.action_dropout = max_seq_len, max_num_agents, action_dropout
        self.attend_between_agents = attend_between_agents
        self.embed_state = StateEmbedding(state_dim, embed_dim, state_differences, difference_scale)
        self.embed_agent = nn.Embedding(max_num_agents, embed_dim)
        self.action_range = None if action_bounds is None else ActionRange(action_dim, action_bounds)
        self.embed_action = ActionEmbedding(action_dim, embed_dim, discrete_actions, self.action_range)
        self.deciding = nn.Parameter(SMALL * torch.randn(embed_dim))
        for embedding in (self.embed_agent, self.embed_action.embed):
            nn.init.normal_(embedding.weight, std=SMALL)
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

    def forward(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Action predictions (B, N, T, A), values (B, N, T) and the hidden states (B, N, T, D) that both come from.

        Args:
            states: (B, N, T, S) float32. agent_ids: (B, N) int64. agents decide in the order in which they stand.
            actions: (B, N, T) int64 or (B, N, T, A) float32, actions[:, :, t] taken at step t.
            seq_lens: (B, N) int64, steps of each agent that are real. agent_mask: (B, N) bool, false where there is no agent;
                what stands in its states, actions, id and length means nothing. Nor does what is predicted for it.

        Raises:
            ValueError: shapes disagree, N exceeds max_num_agents, T exceeds max_seq_len, an id or an action does not exist, or
                a length is not from 1 to T.
        """
        rows = self._checked(states, agent_ids, actions, seq_lens, agent_mask)
        hidden = self._hidden(*rows, None)
        return self.action_head(hidden)[0], self.value_head(hidden), hidden

    def attention_maps(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> AttentionMaps:
        """What attends to what in `forward`; without attention between agents every agent is a row (B * N) of its own."""
        tokens, steps, real = self._tokens(*self._checked(states, agent_ids, actions, seq_lens, agent_mask), None)
        names = [f"{kind} {agent}" for kind in ("state", "deciding") for agent in range(real.shape[1] // 2)]
        return attention_maps(self.trunk, tokens, steps, tuple(names), real.transpose(1, 2).flatten(1))

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """The loss terms of a batch and the action predictions (B * N, T, A); `generator` draws which actions to hide.

        The agents of each `batch.num_agents` neighbouring rows have the ids 0, 1, ... N - 1.
        """
        chance = self.action_dropout if self.training else 0.0
        hide = draw_hidden(batch.mask.shape, chance, generator)
        states, actions, lengths, hide = (
            each if each is None else each.unflatten(0, (-1, batch.num_agents))
            for each in (batch.states, batch.actions, batch.seq_lens, hide)
        )
        ids = torch.arange(batch.num_agents, device=states.device).expand(lengths.shape)
        hidden = self._hidden(*with_absent_zero(states, ids, actions, lengths, lengths > 0), hide).flatten(0, 1)
        preds, log_std = self.action_head(hidden)
        terms = {
            "action": self.loss.action_loss(preds, log_std, batch.labels, batch.mask),
            "value": self.loss.value_loss(self.value_head(hidden), batch.returns_to_go, batch.value_mask),
        }
        return terms, preds

    def new_state(self, num_rows: int, num_agents: int | None = None) -> PlayState:
        """An empty memory of rows (B * N), the agents of each environment one after the other, with ids 0, 1, ... N - 1.

        `num_agents` is N, None for max_num_agents. In memory["absent"] (B * N,) bool the caller marks agents that are not
        there, or no longer; an episode begins with all of them.
        """
        num_agents = self.max_num_agents if num_agents is None else num_agents
        if not 1 <= num_agents <= self.max_num_agents:
            raise ValueError(f"num_agents: expected from 1 to max_num_agents = {self.max_num_agents}, got {num_agents}")
        if num_rows % num_agents:
            raise ValueError(f"num_rows: expected a multiple of {num_agents} agents an environment, got {num_rows}")
        memory = {
            "state": torch.zeros(num_rows, self.state_dim),
            "action": no_actions(num_rows, self.action_dim, self.discrete_actions),
            "absent": torch.zeros(num_rows, dtype=torch.bool),
        }
        group = num_agents if self.attend_between_agents else 1
        cache = self.trunk.new_cache(num_rows // group, tokens_per_step=2 * group)
        return PlayState(num_rows, memory, cache, group, torch.arange(num_agents).repeat(num_rows // num_agents))

    def step(
        self, state: PlayState, observations: Tensor, choose: Choose | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Action predictions (B * N, A) for the present states (B * N, S), with log standard deviations where continuous.

        Agents decide one after the other: `choose` takes the predictions (B, A) and log standard deviations of one agent of
        every environment and returns its actions, (B,) or (B, A), which the next agent sees; None takes the likeliest ones.
        """
        group, cache = state.group, state.cache
        present = ~state.memory["absent"].view(-1, group)
        of_agents, joining = self._play_tokens(state, observations)  # the states join with the first decision
        before = torch.zeros_like(state.memory["action"][::group])
        none_before, outputs = torch.ones_like(present[:, 0]), []
        for agent in range(group):
            deciding = of_agents[:, agent] + self.deciding + self.embed_action(before, none_before)
            tokens, exist = deciding[:, None], present[:, [agent]]
            if agent == 0:
                tokens, exist = torch.cat([joining, tokens], dim=1), torch.cat([present, exist], dim=1)
            hidden = self.trunk.advance(tokens, (0,) * tokens.shape[1], cache, exist, in_order=agent == 0)
            outputs.append(self.action_head.predict(hidden))
            chosen = (choose or _likeliest)(*self.action_head.split(outputs[-1])).to(before.device)
            decided = present[:, agent]
            before = torch.where(decided if chosen.ndim == 1 else decided[:, None], chosen, before)
            none_before = none_before & ~decided
        cache.end_step()
        return self.action_head.split(torch.stack(outputs, dim=1).flatten(0, 1))

    def _play_tokens(self, state: PlayState, observations: Tensor) -> tuple[Tensor, Tensor]:
        """What all tokens of an agent carry, and the state tokens, (B, N, D) each; the states are remembered."""
        first = (state.cache.step == 0).repeat_interleave(state.group)
        previous = torch.where(first[:, None], observations, state.memory["state"])
        state.memory["state"] = observations.clone()
        of_agents = self.embed_state(observations, previous) + self.embed_agent(state.agent_ids)
        state_tokens = of_agents + self.embed_action(state.memory["action"], first)
        return of_agents.unflatten(0, (-1, state.group)), state_tokens.unflatten(0, (-1, state.group))

    def acted(self, state: PlayState, actions: Tensor) -> None:
        """Take note of the executed actions (B * N,) or (B * N, A)."""
        state.memory["action"] = actions.clone()

    def _checked(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States, ids and actions with zeros where nobody is, and where somebody is, (B, N, T) bool."""
        check_agents(states, agent_ids, actions, seq_lens, agent_mask, self.max_seq_len, self.max_num_agents)
        rows = with_absent_zero(states, agent_ids, actions, seq_lens, agent_mask)
        of_agents = (rows[0].flatten(0, 1), rows[2].flatten(0, 1))
        sizes = {"state_dim": self.state_dim, "action_dim": self.action_dim}
        check_entries(*of_agents, **sizes, discrete_actions=self.discrete_actions)
        check_bounds(rows[2], rows[3], self.action_range)
        return rows

    def _tokens(
        self, states: Tensor, agent_ids: Tensor, actions: Tensor, real: Tensor, hide: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, T * 2N, D), the step of each, and whether it exists (B, 2N, T)."""
        if not self.attend_between_agents:
            states, agent_ids, actions, real = (
                each.flatten(0, 1)[:, None] for each in (states, agent_ids, actions, real)
            )
            hide = None if hide is None else hide.flatten(0, 1)[:, None]
        previous = previous_states(states.flatten(0, 1)).view_as(states)
        of_agents = self.embed_state(states, previous) + self.embed_agent(agent_ids)[:, :, None]  # (B, N, T, D)
        state_tokens = of_agents + self.embed_action(*own_last_actions(actions, hide))
        deciding = of_agents + self.deciding + self.embed_action(*earlier_actions(actions, real, hide))
        tokens, steps, _ = interleave([*state_tokens.unbind(1), *deciding.unbind(1)])
        return tokens, steps, torch.cat([real, real], dim=1)

    def _hidden(self, states: Tensor, agent_ids: Tensor, actions: Tensor, real: Tensor, hide: Tensor | None) -> Tensor:
        """Hidden states (B, N, T, D) of the deciding tokens."""
        tokens, steps, exists = self._tokens(states, agent_ids, actions, real, hide)
        rows, count, length = exists.shape
        hidden = self.trunk(tokens, steps, count, exists.transpose(1, 2).flatten(1))
        deciding = hidden.view(rows, length, count, -1)[:, :, count // 2 :].transpose(1, 2)
        return deciding.reshape(*real.shape, -1)


def _likeliest(preds: Tensor, log_std: Tensor | None) -> Tensor:
    return preds.argmax(-1) if log_std is None else preds


FAMILY = MultiAgentTransformer
