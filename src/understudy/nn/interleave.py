"""The token layout: from per-step arrays to one stream of tokens, and back.

B rows, T steps, M tokens a step, D width.
"""

import torch
from torch import Tensor


def interleave(modalities: list[Tensor]) -> tuple[Tensor, Tensor, int]:
    """Lay M aligned modalities (B, T, D) out as s_0 a_0 s_1 a_1 ...

    Returns:
        The tokens (B, T * M, D), the step (T * M,) int64 of each, and M.
    """
    stacked = torch.stack(modalities, dim=2)  # (B, T, M, D)
    batch, length, count, width = stacked.shape
    steps = torch.arange(length, device=stacked.device).repeat_interleave(count)
    return stacked.reshape(batch, length * count, width), steps, count


def pick(features: Tensor, modality: int, tokens_per_step: int) -> Tensor:
    """Take one modality's positions (B, T, D) out of the stream.

    Args:
        features: (B, T * M, D).
        modality: from 0 to M - 1, in the order of `interleave`.
        tokens_per_step: M.
    """
    return features[:, modality::tokens_per_step]
