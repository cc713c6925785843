"""Causal, step-aligned, sliding-window attention with rotary positions.

B rows, L tokens, D width, H heads, K = D / H width of a head, R slots of a cache.

rotary_angles(steps, head_dim)   -- (cos, sin) by which queries and keys of these steps are turned
window_mask(steps, window)       -- which token may see which in a full pass
as_bias(allowed)                 -- a mask as what is added to attention scores
WindowedAttention                -- the layer

Two tokens of one step share its rotary position: the layout of a step's tokens is told apart by their embeddings.
"""

import torch
from torch import Tensor, nn

from understudy.nn.cache import LayerCache
from understudy.utils.masking import create_causal_mask

ROTARY_BASE = 10_000.0

Rotation = tuple[Tensor, Tensor]


def rotary_angles(steps: Tensor, head_dim: int) -> Rotation:
    """Cosine and sine, each (..., 1, L, K / 2), for steps (..., L); RoFormer (Su et al., 2021), equation 15."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, head_dim, 2, device=steps.device, dtype=torch.float32) / head_dim)
    angles = (steps.to(torch.float32)[..., None] * frequencies).unsqueeze(-3)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn each pair (x_i, x_{i + K/2}) of x (B, H, L, K) by the angles of its step."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def window_mask(steps: Tensor, window: int) -> Tensor:
    """Boolean (L, L), true where token i may see token j: j is not after i and its step is one of i's last `window`."""
    causal = create_causal_mask(len(steps)).to(steps.device)
    return causal & (steps[:, None] - steps[None, :] < window)


def as_bias(allowed: Tensor) -> Tensor:
    """Float32 of the mask's shape: zero where true, -inf where false."""
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill(~allowed, -torch.inf)


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

    def forward(self, x: Tensor, rotation: Rotation, bias: Tensor, cache: LayerCache | None = None) -> Tensor:
        """Attend with `bias` (..., L, L or R), zero where a token may look and -inf where it may not."""
        batch, length, width = x.shape
        split = self.qkv(x).view(batch, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, H, L, K)
        query, key = rotate(query, rotation), rotate(key, rotation)
        if cache is not None:
            key, value = cache.extend(key, value)  # each (B, H, R, K)
        # Written out: with a mask in bfloat16 torch's fused kernel takes 4 times as long on a CPU (benchmarks/attention.py).
        scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2)) + bias
        mixed = torch.matmul(torch.softmax(scores, dim=-1), value)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))
