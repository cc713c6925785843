"""Rows of several agents: checking them, and which actions an agent knows of when it decides.

B rows, N agents, T steps, S state, A action.
"""

import torch
from torch import Tensor

from understudy.utils.masking import check_lengths


def check_agents(
    states: Tensor,
    agent_ids: Tensor,
    actions: Tensor,
    seq_lens: Tensor,
    agent_mask: Tensor,
    max_seq_len: int,
    max_num_agents: int,
) -> None:
    """Hold what describes rows of several agents together.

    Args:
        states: (B, N, T, S).
        agent_ids: (B, N), from 0 to max_num_agents - 1.
        actions: (B, N, T, ...).
        seq_lens: (B, N), from 1 to T.
        agent_mask: (B, N) bool, false where there is no agent, whose id and length may be anything.
        max_seq_len: most T.
        max_num_agents: most N.

    Raises:
        ValueError: they do not fit together.
    """
    if states.ndim != 4:
        raise ValueError(f"states: expected shape (rows, agents, steps, entries), got {tuple(states.shape)}")
    batch, agents, length = states.shape[:3]
    if agents > max_num_agents:
        raise ValueError(f"states: expected at most max_num_agents = {max_num_agents} agents, got {agents}")
    if length > max_seq_len:
        raise ValueError(f"states: expected at most max_seq_len = {max_seq_len} steps, got {length}")
    if actions.shape[:3] != (batch, agents, length):
        raise ValueError(
            f"actions: expected {batch} rows of {agents} agents and {length} steps as in states, got {tuple(actions.shape)}"
        )
    for name, values in (("agent_ids", agent_ids), ("seq_lens", seq_lens), ("agent_mask", agent_mask)):
        if values.shape != (batch, agents):
            raise ValueError(f"{name}: expected shape ({batch}, {agents}), got {tuple(values.shape)}")
    if agent_mask.dtype != torch.bool:
        raise ValueError(f"agent_mask: expected booleans, got {agent_mask.dtype}")
    ids = agent_ids[agent_mask]
    if len(ids) and not (0 <= int(ids.min()) and int(ids.max()) < max_num_agents):
        raise ValueError(
            f"agent_ids: expected from 0 to {max_num_agents - 1}, got {int(ids.min())} to {int(ids.max())}"
        )
    check_lengths(seq_lens[agent_mask], length)


def with_absent_zero(
    states: Tensor, agent_ids: Tensor, actions: Tensor, seq_lens: Tensor, agent_mask: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Zeros where no agent is, or no longer, so that nothing that stands there enters.

    Args:
        states: (B, N, T, S).
        agent_ids: (B, N) int64.
        actions: (B, N, T) int64 or (B, N, T, A) float32.
        seq_lens: (B, N) int64, steps of each agent that are real.
        agent_mask: (B, N) bool, where there is an agent.

    Returns:
        States, ids and actions with the zeros, and where an agent is, (B, N, T) bool.
    """
    steps = torch.arange(states.shape[2], device=states.device)
    real = agent_mask[..., None] & (steps < seq_lens[..., None])
    absent = ~real
    of_actions = absent if actions.ndim == 3 else absent[..., None]
    ids = agent_ids.masked_fill(~agent_mask, 0)
    return states.masked_fill(absent[..., None], 0.0), ids, actions.masked_fill(of_actions, 0), real


def own_last_actions(actions: Tensor, dropped: Tensor | None) -> tuple[Tensor, Tensor]:
    """What each agent did at the step before.

    Args:
        actions: (B, N, T, ...).
        dropped: (B, N, T) bool, actions that are withheld; None for none.

    Returns:
        The actions (B, N, T, ...), and where there is none or it is dropped, (B, N, T) bool.
    """
    none = torch.zeros(actions.shape[:3], dtype=torch.bool, device=actions.device) if dropped is None else dropped
    none = torch.cat([torch.ones_like(none[:, :, :1]), none[:, :, :-1]], dim=2)
    return torch.cat([actions[:, :, :1], actions[:, :, :-1]], dim=2), none


def earlier_actions(actions: Tensor, real: Tensor, dropped: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the last agent before each did at the same step.

    Args:
        actions: (B, N, T, ...).
        real: (B, N, T) bool, where there is an agent.
        dropped: (B, N, T) bool, actions that are withheld; None for none.

    Returns:
        The actions (B, N, T, ...), and where there is none or it is dropped, (B, N, T) bool.
    """
    numbers = torch.arange(real.shape[1], device=real.device)[None, :, None]
    latest = torch.where(real, numbers, -1).cummax(dim=1).values  # (B, N, T), the last agent up to each
    before = torch.cat([torch.full_like(latest[:, :1], -1), latest[:, :-1]], dim=1)  # (B, N, T), -1 for none
    index = before.clamp(min=0)
    none = before < 0 if dropped is None else (before < 0) | dropped.to(index.device).gather(1, index)
    of_actions = index if actions.ndim == 3 else index[..., None].expand_as(actions)
    return actions.gather(1, of_actions), none
