"""Causal, step-aligned, sliding-window attention with rotary positions.

B rows, L tokens, Q of them queries, N keys, D width, H heads of queries, G of keys and values, K width of a head, R slots of a
cache.

rotary_frequencies(head_dim, ...) -- by which angles a step turns queries and keys
rotary_angles(steps, frequencies) -- unit complex numbers, those angles at these steps
rotate(x, rotation)               -- turns the pairs of each head
window_mask(steps, window)        -- which token may see which in a full pass
visible_mask(steps, window, real) -- the same where some tokens do not exist
as_bias(allowed)                  -- a mask as what is added to attention scores
window_bands(steps, window, ...)  -- a full pass cut into bands of queries and the keys within their reach
one_token_a_step(bands, ...)      -- the same bands with fewer queries
check_heads(embed_dim, ...)       -- how many heads of keys there are, and how wide
LayerCache                        -- what the layer needs of a cache
WindowedAttention                 -- the layer

Two tokens of one step share its rotary position: the layout of a step's tokens is told apart by their embeddings.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from understudy.nn.dot_product import Band, attend_bands, scaled_scores
from understudy.utils.masking import create_causal_mask

ROTARY_BASE = 10_000.0
SMALLEST_BAND = 32


def rotary_frequencies(head_dim: int, num_rotated: int, num_unrotated: int) -> Tensor:
    """Angles a step (num_rotated + num_unrotated, K / 2) float64 of heads that are rotated, and then of some that are not.

    RoFormer (Su et al., 2021), equation 15.
    """
    slowest = -(head_dim - 2) / head_dim
    frequencies = torch.logspace(0, slowest, head_dim // 2, ROTARY_BASE, dtype=torch.float64)  # (K / 2,)
    return torch.cat([frequencies.repeat(num_rotated, 1), frequencies.new_zeros(num_unrotated, head_dim // 2)])


def rotary_angles(steps: Tensor, frequencies: Tensor) -> Tensor:
    """cos + i sin, (..., L, heads, K / 2) complex64, for steps (..., L) and frequencies (heads, K / 2).

    In float64 on the way, since the angle of a late step has few digits left in float32.
    """
    angles = steps[..., None, None] * frequencies  # (..., L, heads, K / 2)
    return torch.complex(angles.cos(), angles.sin()).to(torch.complex64)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn each pair (x_2i, x_2i+1) of x (B, L, heads, K) by the angle of its step, as one complex number; float32."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # (B, L, heads, K / 2)
    return torch.view_as_real(pairs * rotation).flatten(-2)  # (B, L, heads, K)


def window_mask(steps: Tensor, window: int | None) -> Tensor:
    """Boolean (L, L), true where token i may see token j: j is not after i and its step is one of i's last `window`, if any."""
    causal = create_causal_mask(len(steps)).to(steps.device)
    return causal if window is None else causal & (steps[:, None] - steps[None, :] < window)


def visible_mask(steps: Tensor, window: int | None, real: Tensor | None) -> Tensor:
    """The window's mask (L, L), or (B, 1, L, L) where `real` (B, L) bool marks the tokens that exist.

    A token that does not exist is seen by no other. It sees itself, since a softmax over nothing is NaN.
    """
    allowed = window_mask(steps, window)
    if real is None:
        return allowed
    return allowed & real[:, None, None] | torch.eye(len(steps), dtype=torch.bool, device=steps.device)


def as_bias(allowed: Tensor) -> Tensor:
    """Float32 of the mask's shape: zero where true, -inf where false."""
    return torch.full(allowed.shape, -torch.inf, device=allowed.device).masked_fill_(allowed, 0.0)


def window_bands(steps: Tensor, window: int, tokens_per_step: int, real: Tensor | None = None) -> list[Band]:
    """Cut a full pass into bands, so that memory is linear in L and not quadratic.

    Args:
        steps: (L,) int64, ascending, of each token.
        window: steps that a token sees, its own counted.
        tokens_per_step: how many tokens each step has.
        real: (B, L) bool, the tokens that exist; None where all do.
    """
    length = len(steps)
    reach = window * tokens_per_step
    size = max(reach, -(-SMALLEST_BAND // tokens_per_step) * tokens_per_step)  # whole steps
    bands = []
    for start in range(0, length, size):
        first, end = max(0, start - reach), min(start + size, length)
        allowed = visible_mask(steps[first:end], window, None if real is None else real[:, first:end])
        bands.append(Band(slice(start, end), slice(first, end), as_bias(allowed[..., start - first :, :])))
    return bands


def one_token_a_step(bands: list[Band], token: int, tokens_per_step: int) -> list[Band]:
    """The bands with one query a step, the `token`-th of its `tokens_per_step`; the keys stay."""
    return [
        Band(
            slice(band.queries.start + token, band.queries.stop, tokens_per_step),
            band.keys,
            band.bias[..., token::tokens_per_step, :] if band.bias.shape[-2] > 1 else band.bias,  # one for all
        )
        for band in bands
    ]


def check_heads(embed_dim: int, num_heads: int, num_kv_heads: int | None, head_dim: int | None) -> tuple[int, int]:
    """G and K of a layer of these sizes, where None is H, and D / H.

    Raises:
        ValueError: K is odd, since rotary positions turn pairs, or embed_dim no multiple of 2 * num_heads where K is None, or
            num_heads none of num_kv_heads.
    """
    if head_dim is None and embed_dim % (2 * num_heads):
        raise ValueError(f"embed_dim: expected a multiple of 2 * num_heads = {2 * num_heads}, got {embed_dim}")
    if head_dim is not None and (head_dim < 2 or head_dim % 2):
        raise ValueError(f"head_dim: expected an even number from 2 on, got {head_dim}")
    of_keys = num_heads if num_kv_heads is None else num_kv_heads
    if of_keys < 1 or num_heads % of_keys:
        raise ValueError(f"num_kv_heads: expected a divisor of num_heads = {num_heads}, got {num_kv_heads}")
    return of_keys, embed_dim // num_heads if head_dim is None else head_dim


class LayerCache(Protocol):
    """Keys and values of earlier tokens."""

    def attend(self, query: Tensor, new_kv: Tensor, bands: list[Band]) -> Tensor:
        """Take in the pass's keys and values (B, L, 2G, K); what its queries (B, Q, H, K) see, mixed, (B, Q, H K)."""


class WindowedAttention(nn.Module):
    """Multi-head self-attention of tokens under a mask, over themselves or over a cache that they join.

    Each head of keys and values serves H / G heads of queries, neighbours. With one (Shazeer, 2019) a step at play time has to
    read an H-th of the cache.

    Args:
        embed_dim: D.
        num_heads: H.
        num_kv_heads: G; None for H.
        head_dim: K, even; None for D / H, as wide as all heads are together.

    Raises:
        ValueError: K is odd, since rotary positions turn pairs, or embed_dim no multiple of 2 * num_heads where K is not given,
            or num_heads none of num_kv_heads.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, num_kv_heads: int | None = None, head_dim: int | None = None
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_kv_heads, self.head_dim = check_heads(embed_dim, num_heads, num_kv_heads, head_dim)
        self.qkv_proj = nn.Linear(embed_dim, (num_heads + 2 * self.num_kv_heads) * self.head_dim, bias=False)
        self.output_proj = nn.Linear(num_heads * self.head_dim, embed_dim, bias=False)

    def frequencies(self) -> Tensor:
        """By which angles a step turns this layer's heads, (H + 2G, K / 2) float64; those of values are zero."""
        return rotary_frequencies(self.head_dim, self.num_heads + self.num_kv_heads, self.num_kv_heads)

    def forward(self, x: Tensor, rotation: Tensor, bands: list[Band], cache: LayerCache | None = None) -> Tensor:
        """The queries of all bands in their order, (B, Q, D), mixed from the values within reach.

        Args:
            x: (B, L, D), the tokens.
            rotation: (L, H + 2G, K / 2) complex64, the angles of the tokens' steps.
            bands: which tokens are queries, and which keys each sees.
            cache: which the tokens join, and whose keys and values the queries then see; None for the tokens' own.
        """
        query, new_kv = self._heads(x, rotation)  # (B, L, H, K), (B, L, 2G, K)
        if cache is None:
            key, value = new_kv.transpose(1, 2).chunk(2, dim=1)  # (B, G, L, K) each
            return self.output_proj(attend_bands(query, key, value, bands))
        return self.output_proj(cache.attend(query, new_kv, bands))

    def weights(self, x: Tensor, rotation: Tensor, bias: Tensor) -> Tensor:
        """How much each token of x (B, L, D) takes from each, (B, H, L, L); every row sums to one."""
        query, new_kv = self._heads(x, rotation)
        key, _ = new_kv.transpose(1, 2).chunk(2, dim=1)  # (B, G, L, K)
        weights = torch.softmax(scaled_scores(query, key, bias), dim=-1)  # (B, G, L, H / G, L)
        return weights.transpose(2, 3).flatten(1, 2)

    def _heads(self, x: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (B, L, H, K), and keys with values after them (B, L, 2G, K), of tokens (B, L, D).

        All go through `rotate` together, where values keep as they are.
        """
        dtype = self.qkv_proj.weight.dtype
        heads = self.qkv_proj(x.to(dtype)).unflatten(-1, (-1, self.head_dim))  # (B, L, H + 2G, K)
        return rotate(heads, rotation).to(dtype).split([self.num_heads, 2 * self.num_kv_heads], dim=2)
