"""What attends to what, for looking at.

B rows, H heads, L tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.trunk import Trunk


@dataclass(frozen=True)
class AttentionMaps:
    """What each token takes from each.

    Attributes:
        layers: (B, H, L, L) float32 a layer; a token is a row, which sums to one.
        steps: (L,) int64, the step of each token.
        modalities: L names of what each carries: "state", "action", ...
    """

    layers: list[Tensor]
    steps: Tensor
    modalities: tuple[str, ...]


@torch.no_grad()
def attention_maps(
    trunk: Trunk, tokens: Tensor, steps: Tensor, modalities: tuple[str, ...], real: Tensor | None = None
) -> AttentionMaps:
    """The maps of a pass; memory is quadratic in L.

    Args:
        trunk: of the model.
        tokens: (B, L, D), in ascending order of steps.
        steps: (L,) int64, the step of each token.
        modalities: names of a step's tokens, in their order.
        real: (B, L) bool, the tokens that exist; None where all do.
    """
    layers = trunk.attention_maps(tokens, steps, len(modalities), real)
    return AttentionMaps(layers, steps, modalities * (len(steps) // len(modalities)))
