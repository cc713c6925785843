"""Causal, step-aligned, sliding-window attention with rotary positions.

B rows, L tokens, D width, H heads, K = D / H width of a head, R slots of a cache.

rotary_angles(steps, head_dim)   -- (cos, sin) by which queries and keys of these steps are turned
window_mask(steps, window)       -- which token may see which in a full pass
visible(steps, window, real)     -- the same where some tokens do not exist
as_bias(allowed)                 -- a mask as what is added to attention scores
window_bands(steps, window)      -- a full pass cut into bands of queries and the keys within their reach
WindowedAttention                -- the layer

Two tokens of one step share its rotary position: the layout of a step's tokens is told apart by their embeddings.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from understudy.nn.cache import LayerCache
from understudy.utils.masking import create_causal_mask

ROTARY_BASE = 10_000.0
SMALLEST_BAND = 64

Rotation = tuple[Tensor, Tensor]


def rotary_angles(steps: Tensor, head_dim: int) -> Rotation:
    """Cosine and signed sine, each (..., L, K), for steps (..., L); RoFormer (Su et al., 2021), equation 34."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_dim, 2, device=steps.device, dtype=torch.float32) / head_dim)
    angles = steps.to(torch.float32)[..., None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn each pair (x_i, x_{i + K/2}) of x (..., L, K) by the angle of its step; the roll exchanges the two halves."""
    cos, sin = rotation
    x = x.float()
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin


def window_mask(steps: Tensor, window: int) -> Tensor:
    """Boolean (L, L), true where token i may see token j: j is not after i and its step is one of i's last `window`."""
    causal = create_causal_mask(len(steps)).to(steps.device)
    return causal & (steps[:, None] - steps[None, :] < window)


def visible(steps: Tensor, window: int, real: Tensor | None) -> Tensor:
    """The window's mask (L, L), or (B, 1, L, L) where `real` (B, L) bool marks the tokens that exist.

    A token that does not exist is seen by no other. It sees itself, since a softmax over nothing is NaN.
    """
    allowed = window_mask(steps, window)
    if real is None:
        return allowed
    return allowed & real[:, None, None] | torch.eye(len(steps), dtype=torch.bool, device=steps.device)


def as_bias(allowed: Tensor) -> Tensor:
    """Float32 of the mask's shape: zero where true, -inf where false."""
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill(~allowed, -torch.inf)


@dataclass(frozen=True)
class Band:
    """Some queries and the keys within their reach; `bias` (..., queries, keys) is added to the scores."""

    queries: slice
    keys: slice
    bias: Tensor


def window_bands(steps: Tensor, window: int, real: Tensor | None = None) -> list[Band]:
    """Cut a full pass over tokens of ascending steps (L,) into bands, so that memory is linear in L and not quadratic.

    `real` (B, L) bool marks the tokens that exist, None where all do.
    """
    length = len(steps)
    reach = int(torch.searchsorted(steps, steps[:1] + window))  # tokens in a window, all steps having equally many
    size = max(reach, SMALLEST_BAND)
    bands = []
    for start in range(0, length, size):
        first, end = max(0, start - reach), min(start + size, length)
        allowed = visible(steps[first:end], window, None if real is None else real[:, first:end])
        bands.append(Band(slice(start, end), slice(first, end), as_bias(allowed[..., start - first :, :])))
    return bands


class WindowedAttention(nn.Module):
    """Multi-head self-attention of tokens (B, L, D) under a mask, over themselves or over a cache that they join.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads (rotary positions turn pairs).
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        if embed_dim % (2 * num_heads):
            raise ValueError(f"embed_dim: expected a multiple of 2 * num_heads = {2 * num_heads}, got {embed_dim}")
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.out = nn.Linear(embed_dim, embed_dim, bias=False)

    def forward(self, x: Tensor, rotation: Rotation, bands: list[Band], cache: LayerCache | None = None) -> Tensor:
        """The queries of all bands (B, Q, D), in their order, mixed from the values within reach: the pass's or the cache's."""
        query, key, value = self._split(x, rotation)
        if cache is not None:
            key, value = cache.extend(key, value)  # each (B, H, R, K)
        mixed = [
            attend(query[:, :, band.queries], key[:, :, band.keys], value[:, :, band.keys], band.bias) for band in bands
        ]
        return self.out(torch.cat(mixed, dim=2).transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, rotation: Rotation, bias: Tensor) -> Tensor:
        """How much each token of x (B, L, D) takes from each, (B, H, L, L); every row sums to one."""
        query, key, _ = self._split(x, rotation)
        return torch.softmax(scaled_scores(query, key, bias), dim=-1)

    def _split(self, x: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys, turned to their steps, and values of tokens (B, L, D); each (B, H, L, K)."""
        batch, length, width = x.shape
        dtype = self.qkv.weight.dtype
        split = self.qkv(x.to(dtype)).view(batch, length, 3, self.num_heads, width // self.num_heads)
        of_heads = tuple(part[..., None, None, :] for part in rotation)
        query, key = rotate(split[:, :, :2], of_heads).to(dtype).permute(2, 0, 3, 1, 4)
        return query, key, split[:, :, 2].transpose(1, 2)


def scaled_scores(query: Tensor, key: Tensor, bias: Tensor) -> Tensor:
    """query key^T / sqrt(K) + bias, float32, of queries (B, H, Q, K) and keys (B, H, L, K)."""
    return torch.add(bias, torch.matmul(query, key.transpose(-1, -2)), alpha=query.shape[-1] ** -0.5)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(K) + bias) value, in the values' dtype, with the softmax in float32.

    Written out: with a mask in bfloat16 torch's fused kernel takes 4 times as long on a CPU (benchmarks/attention.py).
    """
    return torch.matmul(torch.softmax(scaled_scores(query, key, bias), dim=-1).to(value.dtype), value)
