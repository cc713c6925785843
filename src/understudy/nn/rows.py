"""What the sequence families share beside the trunk: checking rows of steps, and taking one step at play time.

B rows, T steps, S state, A action, D width.
"""

import torch
from torch import Tensor

from understudy.nn.cache import PlayState
from understudy.nn.heads import ActionRange
from understudy.nn.trunk import Trunk
from understudy.utils.masking import check_lengths

LONGEST_ROW = 1_000_000


def check_sizes(**sizes: int) -> None:
    """Raise a ValueError where one of a family's sizes is not at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")


def check_arguments(max_seq_len: int, context: int | None, action_dropout: float) -> None:
    """Raise a ValueError where a sequence family's lengths in steps or its chance of hiding an action make no sense."""
    if not 1 <= max_seq_len <= LONGEST_ROW:
        raise ValueError(f"max_seq_len: expected from 1 to {LONGEST_ROW} steps, got {max_seq_len}")
    if context is not None and context > max_seq_len:
        raise ValueError(f"context: expected at most max_seq_len = {max_seq_len} steps, got {context}")
    if not 0 <= action_dropout <= 1:
        raise ValueError(f"action_dropout: expected a chance from 0 to 1, got {action_dropout}")


def check_rows(states: Tensor, actions: Tensor, seq_lens: Tensor, max_seq_len: int) -> None:
    """Raise a ValueError where states (B, T, S), actions (B, T, ...) and seq_lens (B,) do not belong together."""
    batch, length = states.shape[:2]
    if length > max_seq_len:
        raise ValueError(f"states: expected at most max_seq_len = {max_seq_len} steps, got {length}")
    if actions.shape[:2] != (batch, length):
        raise ValueError(f"actions: expected {batch} rows of {length} steps as in states, got {tuple(actions.shape)}")
    if seq_lens.shape != (batch,):
        raise ValueError(f"seq_lens: expected shape ({batch},), got {tuple(seq_lens.shape)}")
    check_lengths(seq_lens, length)


def check_entries(states: Tensor, actions: Tensor, *, state_dim: int, action_dim: int, discrete_actions: bool) -> None:
    """Raise a ValueError where states are not (B, T, S), or actions neither (B, T) choices nor (B, T, A) vectors."""
    if states.shape[2:] != (state_dim,):
        raise ValueError(f"states: expected {state_dim} entries a step, got {tuple(states.shape)}")
    if actions.shape[2:] != (() if discrete_actions else (action_dim,)):
        entries = "one choice" if discrete_actions else f"{action_dim} entries"
        raise ValueError(f"actions: expected {entries} a step, got {tuple(actions.shape)}")
    if discrete_actions and (actions.is_floating_point() or actions.is_complex()):
        raise ValueError(f"actions: expected whole numbers, got {actions.dtype}")
    if discrete_actions and actions.numel() and not (0 <= int(actions.min()) and int(actions.max()) < action_dim):
        raise ValueError(
            f"actions: expected from 0 to {action_dim - 1}, got {int(actions.min())} to {int(actions.max())}"
        )


def check_bounds(actions: Tensor, real: Tensor, action_range: ActionRange | None) -> None:
    """Raise a ValueError where an action (..., A) at a real (...) step lies outside its range, if that is known."""
    if action_range is None:
        return
    outside = real[..., None] & ~((actions >= action_range.low) & (actions <= action_range.high))
    if outside.any():
        entry = int(outside.nonzero()[0, -1])
        low, high = float(action_range.low[entry]), float(action_range.high[entry])
        raise ValueError(f"actions: expected entry {entry} from {low:g} to {high:g}, got {actions[outside][0]:g}")


def no_actions(num_rows: int, action_dim: int, discrete_actions: bool) -> Tensor:
    """What stands for the last action before there is one; the cache keeps it from being seen."""
    return torch.zeros(num_rows, dtype=torch.int64) if discrete_actions else torch.zeros(num_rows, action_dim)


def last_states(state: PlayState, observations: Tensor) -> Tensor:
    """Each row's state a step ago (B, S), the present one at an episode's start; the present one is remembered.

    In families whose tokens carry no change since then no state is remembered, and the present one comes back.
    """
    if "state" not in state.memory:
        return observations
    first = (state.cache.step == 0)[:, None]
    previous = torch.where(first, observations, state.memory["state"])
    state.memory["state"] = observations.clone()
    return previous


def advance_to_state(trunk: Trunk, state: PlayState, action_tokens: Tensor, state_tokens: Tensor) -> Tensor:
    """Pass the last action and the present state, tokens (B, D) each, through the trunk; returns the state's hidden (B, D).

    The action is a step older; at an episode's start that is before it, and the cache keeps the token from being seen.
    """
    return trunk.advance(torch.stack([action_tokens, state_tokens], dim=1), (1, 0), state.cache)
