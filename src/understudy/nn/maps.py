"""What attends to what, for looking at.

B rows, H heads, L tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.trunk import Trunk


@dataclass(frozen=True)
class AttentionMaps:
    """`layers` holds (B, H, L, L) float32 a layer: how much each token, a row, takes from each; its rows sum to one.

    `steps` (L,) int64 is the step of each token, `modalities` what it carries: "state", "action", ...
    """

    layers: list[Tensor]
    steps: Tensor
    modalities: tuple[str, ...]


@torch.no_grad()
def attention_maps(
    trunk: Trunk, tokens: Tensor, steps: Tensor, modalities: tuple[str, ...], real: Tensor | None = None
) -> AttentionMaps:
    """The maps of a pass over tokens (B, L, D), whose steps have these modalities each; memory is quadratic in L."""
    layers = trunk.attention_maps(tokens, steps, len(modalities), real)
    return AttentionMaps(layers, steps, modalities * (len(steps) // len(modalities)))
