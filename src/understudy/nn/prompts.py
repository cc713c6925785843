"""Prompts: tokens that all steps of a row see, however far its window has gone on.

LayerPrompt                      -- one layer's keys and values of the prompts of each row
encode_prompts(trunk, ...)       -- those of all layers

B rows, P prompts of each, L tokens of a prompt, N = P L, Q queries, D width, G heads of keys and values, H of queries, K width of
a head.

A prompt's tokens see those before them in the same prompt and nothing else, so that a row's prompts are a set whose order means
nothing, and their keys and values are the same in a full pass and at play. They lie before the first step of the row's episode:
by rotary positions a token knows how far back they are, as it knows of every token.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from understudy.nn.attention import as_bias, rotary_angles, visible_mask
from understudy.nn.dot_product import Band, attend, attend_bands

if TYPE_CHECKING:
    from understudy.nn.trunk import Trunk


@dataclass
class LayerPrompt:
    """Keys and values of one layer.

    Attributes:
        kv: (2, B, G, N, K), all keys, then all values.
        exists: (B, N) bool, the tokens that there are.
    """

    kv: Tensor
    exists: Tensor

    def attend(self, query: Tensor, new_kv: Tensor, bands: list[Band]) -> Tensor:
        """What queries (B, Q, H, K) of a full pass see of the prompts and of its own keys and values (B, L, 2G, K), (B, Q, D)."""
        key, value = new_kv.transpose(1, 2).chunk(2, dim=1)  # (B, G, L, K) each
        bias, mixed = as_bias(self.exists)[:, None, None], []  # (B, 1, 1, N)
        for band in bands:
            own = band.bias.expand(len(query), 1, *band.bias.shape[-2:])
            mixed.append(
                attend(
                    query[:, band.queries],
                    torch.cat([self.kv[0], key[:, :, band.keys]], dim=2),
                    torch.cat([self.kv[1], value[:, :, band.keys]], dim=2),
                    torch.cat([bias.expand(*own.shape[:3], -1), own], dim=-1),
                )
            )
        return torch.cat(mixed, dim=1)


@dataclass
class _Recorded:
    """Takes note of a layer's keys and values."""

    kv: Tensor = field(init=False)

    def attend(self, query: Tensor, new_kv: Tensor, bands: list[Band]) -> Tensor:
        key, value = new_kv.transpose(1, 2).chunk(2, dim=1)
        self.kv = torch.stack([key, value])
        return attend_bands(query, key, value, bands)


def encode_prompts(trunk: "Trunk", tokens: Tensor, steps: Tensor, exists: Tensor) -> list[LayerPrompt]:
    """The prompts of rows, a layer after the other.

    Args:
        trunk: with softmax attention.
        tokens: (B, P, L, D).
        steps: (B, L) int64, the step of each token, by the count in which the row's own steps are told.
        exists: (B, P, L) bool, the tokens that there are.
    """
    rows, count, length = exists.shape
    real, order = exists.flatten(0, 1), torch.arange(length, device=steps.device)
    bias = as_bias(visible_mask(order, None, real))
    rotation = rotary_angles(steps.repeat_interleave(count, dim=0), trunk.frequencies)
    x, layers = tokens.flatten(0, 1), []
    for block in trunk.blocks:
        recorded = _Recorded()
        x = block(x, rotation, [Band(slice(0, length), slice(0, length), bias)], recorded)
        kv = recorded.kv.unflatten(1, (rows, count)).transpose(2, 3).flatten(3, 4)  # (2, B, G, N, K)
        layers.append(LayerPrompt(kv, exists.flatten(1)))
    return layers
