"""What the sequence families share beside the trunk: checking rows of steps, and taking one step at play time.

B rows, T steps, S state, A action, D width.
"""

import torch
from torch import Tensor

from understudy.nn.row_memory import RowMemory
from understudy.nn.trunk import Trunk
from understudy.utils.masking import check_lengths


def check_sizes(**sizes: int) -> None:
    """Raise a ValueError where one of a family's sizes is not at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: expected at least 1, got {size}")


def check_rows(states: Tensor, actions: Tensor, seq_lens: Tensor, max_seq_len: int) -> None:
    """Hold rows of steps together.

    Args:
        states: (B, T, S).
        actions: (B, T, ...).
        seq_lens: (B,), from 1 to T.
        max_seq_len: most T.

    Raises:
        ValueError: they do not belong together.
    """
    batch, length = states.shape[:2]
    if length > max_seq_len:
        raise ValueError(f"states: expected at most max_seq_len = {max_seq_len} steps, got {length}")
    if actions.shape[:2] != (batch, length):
        raise ValueError(f"actions: expected {batch} rows of {length} steps as in states, got {tuple(actions.shape)}")
    if seq_lens.shape != (batch,):
        raise ValueError(f"seq_lens: expected shape ({batch},), got {tuple(seq_lens.shape)}")
    check_lengths(seq_lens, length)


def check_entries(states: Tensor, actions: Tensor, *, state_dim: int, action_dim: int, discrete_actions: bool) -> None:
    """Hold the entries of steps to what the model was made for.

    Args:
        states: (B, T, S).
        actions: (B, T) choices or (B, T, A) vectors.
        state_dim: S.
        action_dim: choices, or A.
        discrete_actions: whether actions are choices.

    Raises:
        ValueError: states or actions have other entries, or a choice does not exist.
    """
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


def check_choices(discrete_actions: bool) -> None:
    """Raise a ValueError where a model of language is to write anything but tokens."""
    if not discrete_actions:
        raise ValueError("discrete_actions: expected choices, which tokens are, got vectors")


def check_texts(states: Tensor, seq_lens: Tensor, state_dim: int, max_seq_len: int) -> None:
    """Hold rows of steps without actions together: states (B, T, S), and seq_lens (B,) from 1 to T, at most `max_seq_len`.

    Raises:
        ValueError: they do not belong together, or steps have other components than S.
    """
    check_rows(states, states, seq_lens, max_seq_len)
    if states.shape[2:] != (state_dim,):
        raise ValueError(f"states: expected {state_dim} entries a step, got {tuple(states.shape)}")


def with_final_observation(states: Tensor, seq_lens: Tensor, final_observation: Tensor) -> Tensor:
    """States (B, T + 1, S) of rows (B, T, S), after whose last real step stands what came after the episode's, (B, S)."""
    longer = torch.cat([states, states[:, -1:]], dim=1)
    places = seq_lens[:, None, None].expand(-1, 1, states.shape[-1])
    return longer.scatter(1, places, final_observation[:, None].to(states.dtype))


def decode_state(trunk: Trunk, memory: RowMemory, action_tokens: Tensor, state_tokens: Tensor) -> Tensor:
    """Pass the last action and the present state through the trunk.

    The action is a step older; at an episode's start that is before it, and the cache keeps the token from being seen.

    Args:
        trunk: of the model.
        memory: whose cache the tokens join.
        action_tokens: (B, D), of what was executed at the step before.
        state_tokens: (B, D), of the present states.

    Returns:
        Features (B, D) of the states.
    """
    tokens = torch.stack([action_tokens, state_tokens], dim=1)  # (B, 2, D)
    return trunk.decode_step(tokens, (1, 0), memory.kv_cache)
