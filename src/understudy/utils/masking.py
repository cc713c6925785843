"""Masks over time.

B rows, T steps.
"""

import torch
from torch import Tensor


def create_padding_mask(seq_lens: Tensor, max_len: int) -> Tensor:
    """Boolean (B, max_len), true at the real steps of rows with lengths seq_lens (B,) int64.

    Raises:
        ValueError: a length is not from 1 to max_len.
    """
    check_lengths(seq_lens, max_len)
    return torch.arange(max_len, device=seq_lens.device) < seq_lens[:, None]


def check_lengths(seq_lens: Tensor, max_len: int) -> None:
    """Raise a ValueError where a length of seq_lens (B,) is not from 1 to max_len."""
    if len(seq_lens) and not (1 <= int(seq_lens.min()) and int(seq_lens.max()) <= max_len):
        raise ValueError(
            f"seq_lens: expected lengths from 1 to {max_len}, got {int(seq_lens.min())} to {int(seq_lens.max())}"
        )


def create_causal_mask(length: int) -> Tensor:
    """Boolean (length, length), true where row i may see column j: j <= i."""
    return torch.ones(length, length, dtype=torch.bool).tril()
