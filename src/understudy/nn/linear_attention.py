"""Causal attention whose weights are products of features, in time linear in the length of a row.

whole_row(length, ...)      -- what a full pass of a linear layer is told, as `window_bands` is of a windowed one
attend_piece(query, ...)    -- what queries see of the keys of a piece of a row
attend_sums(query, sums)    -- what they see of all before it
key_value_sums(key, value)  -- the sums over those
attend_row(query, ...)      -- a whole row, piece by piece
LinearCache                 -- what the layer needs of a cache
LinearAttention             -- the layer

B rows, L tokens, Q of them queries, N keys, D width, H heads of queries, G of keys and values, S = H / G, K = D / H width of a
head, F features.

A query weighs a key by the product of their features (nn/kernel_features.py), so what it sees of all keys before it is its
features times one sum over them (F, K) of features times values, and their weights' total is its features times the sum of
features. A value carries a last entry of one, which makes both the same sum. Within a piece of a row weights are written out.
A token sees all of its row up to itself: sums cannot forget a single step, and so there is no window.
"""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.nn.attention import as_bias, check_heads, rotary_frequencies, rotate
from understudy.nn.dot_product import Band
from understudy.nn.kernel_features import EluFeatures, KernelFeatures, RandomFeatures

PIECE = 64  # tokens whose weights are written out: fewer are more sums, more are more weights


def whole_row(steps: Tensor, exists: Tensor | None) -> list[Band]:
    """The only band of a full pass, whose bias (B or 1, 1, 1, L) says which keys there are; that none is later, the sums see to.

    Args:
        steps: (L,) int64, of each token.
        exists: (B, L) bool; None where all tokens do.
    """
    keys = torch.ones_like(steps, dtype=torch.bool)[None] if exists is None else exists
    everything = slice(0, len(steps))
    return [Band(everything, everything, as_bias(keys)[:, None, None])]


def key_value_sums(key: Tensor, value: Tensor) -> Tensor:
    """Sums (..., F, K + 1) over N keys (..., N, F) and values (..., N, K + 1)."""
    return key.mT @ value


def attend_piece(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor) -> Tensor:
    """Totals (..., Q, S, K + 1) of what queries see, the last entry of which is that of the weights.

    Args:
        query: (..., Q, S, F).
        key: (..., N, F).
        value: (..., N, K + 1).
        allowed: (Q, N) float32, one where a query may see a key and zero where not.
    """
    shape = query.shape[-3:-1]
    products = query.flatten(-3, -2) @ key.mT  # (..., Q S, N)
    weights = products.unflatten(-2, shape) * allowed[:, None]  # (..., Q, S, N)
    return (weights.flatten(-3, -2) @ value).unflatten(-2, shape)


def attend_sums(query: Tensor, sums: Tensor) -> Tensor:
    """Totals (..., Q, S, K + 1) of what queries (..., Q, S, F) see of the keys that sums (..., F, K + 1) are over."""
    return (query.flatten(-3, -2) @ sums).unflatten(-2, query.shape[-3:-1])


def normalise(totals: Tensor) -> Tensor:
    """Means (..., K) by the totals (..., K + 1); zero where nothing had weight, as for a token that does not exist, alone."""
    mixed, weight = totals[..., :-1], totals[..., -1:]
    return mixed / torch.where(weight > 0, weight, 1.0)


def attend_row(query: Tensor, key: Tensor, value: Tensor, queried: slice) -> Tensor:
    """Totals (B, Q, G, S, K + 1) of what the queried tokens of whole rows see.

    Args:
        query: (B, Q, G, S, F), evenly spaced tokens.
        key: (B, G, L, F), zero of tokens that do not exist.
        value: (B, G, L, K + 1).
        queried: which tokens these are.
    """
    step, length = queried.step or 1, key.shape[2]
    per_piece = -(-length // (-(-length // PIECE) * step))
    size = per_piece * step  # whole steps, and as even as they can be
    pieces = -(-length // size)

    def cut(x: Tensor, of_a_piece: int) -> Tensor:  # (..., n, a, b) -> (..., pieces, of_a_piece, a, b), zero at the end
        missing = pieces * of_a_piece - x.shape[-2]
        return functional.pad(x, (0, 0, 0, missing)).unflatten(-2, (pieces, of_a_piece))

    keys, values = cut(key, size), cut(value, size)  # (B, G, P, N, F), (B, G, P, N, K + 1)
    queries = cut(query.permute(0, 2, 3, 1, 4), per_piece).permute(0, 1, 3, 4, 2, 5)  # (B, G, P, Q', S, F)
    # Shifted, not subtracted from: a piece must not come into its own past, be it by rounding.
    sums = functional.pad(key_value_sums(keys, values).cumsum(2), (0, 0, 0, 0, 1, 0))[:, :, :-1]  # (B, G, P, F, K + 1)
    places = torch.arange(per_piece, device=key.device) * step + queried.start
    allowed = (torch.arange(size, device=key.device) <= places[:, None]).float()  # (Q', N)
    totals = attend_piece(queries, keys, values, allowed) + attend_sums(queries, sums)  # (B, G, P, Q', S, K + 1)
    return totals.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)[:, : query.shape[1]]


class LinearCache(Protocol):
    """Sums over earlier tokens."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bands: list[Band]) -> Tensor:
        """Take in the pass's keys (B, G, L, F) and values (B, G, L, K + 1).

        Returns:
            Totals (B, Q, G, S, K + 1) of what its queries (B, Q, G, S, F) see.
        """


class LinearAttention(nn.Module):
    """Multi-head self-attention of tokens over all tokens up to them, in their row or in sums that they join.

    Positions turn queries and keys, as in WindowedAttention, before their features are taken, and are counted from the row's own
    first step. Of random features the weights then are those of softmax attention, but for the drawing; those of elu depend on
    where in its row a step is, beside on how far it is from another. Heads of keys are shared as in WindowedAttention.
    All that is not a linear layer is computed in float32, since sums of thousands of tokens in fewer digits stand still.

    Args:
        embed_dim: D.
        num_heads: H.
        num_kv_heads: G; None for H.
        num_random_features: F of random features; None for those of elu.
        head_dim: K, even; None for D / H.

    Raises:
        ValueError: K is odd, since rotary positions turn pairs, or embed_dim no multiple of 2 * num_heads where K is None, or
            num_heads none of num_kv_heads.
    """

    features: KernelFeatures

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int | None = None,
        num_random_features: int | None = None,
        head_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_kv_heads, self.head_dim = check_heads(embed_dim, num_heads, num_kv_heads, head_dim)
        self.qkv_proj = nn.Linear(embed_dim, (num_heads + 2 * self.num_kv_heads) * self.head_dim, bias=False)
        self.output_proj = nn.Linear(num_heads * self.head_dim, embed_dim, bias=False)
        if num_random_features is None:
            self.features = EluFeatures(self.head_dim)
        else:
            self.features = RandomFeatures(self.head_dim, num_random_features)

    def frequencies(self) -> Tensor:
        """By which angles a step turns queries and keys, (1, K / 2) float64, all heads alike."""
        return rotary_frequencies(self.head_dim, 1, 0)

    def forward(self, x: Tensor, rotation: Tensor, bands: list[Band], cache: LinearCache | None = None) -> Tensor:
        """The queries of the only band in their order, (B, Q, D), mixed from the values up to each.

        Args:
            x: (B, L, D), the tokens.
            rotation: (L, 1, K / 2) or (B, L, 1, K / 2) complex64, the angles of the tokens' steps.
            bands: which tokens are queries, and by its bias which keys there are (`whole_row`).
            cache: which the tokens join, and whose sums the queries then see; None for the tokens' own.
        """
        (band,) = bands
        heads = self._heads(x)  # (B, L, H + 2G, K)
        with torch.autocast(x.device.type, enabled=False):
            query, key, value = self._featured(heads.float(), rotation, band.queries)
            if cache is None:
                totals = attend_row(query, key * band.bias.mT.exp(), value, band.queries)
            else:
                totals = cache.attend(query, key, value, bands)
            mixed = normalise(totals).flatten(2)  # (B, Q, D)
        return self.output_proj(mixed.to(self.output_proj.weight.dtype))

    def weights(self, x: Tensor, rotation: Tensor, bias: Tensor) -> Tensor:
        """How much each token of x (B, L, D) takes from each, (B, H, L, L); every row sums to one.

        Args:
            x: as in `forward`.
            rotation: as in `forward`.
            bias: (L, L) or (B, 1, L, L), zero where a token may see another and -inf where not.
        """
        query, key, _ = self._featured(self._heads(x).float(), rotation, slice(None))
        products = query.permute(0, 2, 3, 1, 4) @ key.mT[:, :, None]  # (B, G, S, L, L)
        allowed = bias.exp()[..., None, None, :, :] if bias.ndim == 2 else bias.exp()[:, :, None]
        weights = products * allowed
        return (weights / weights.sum(-1, keepdim=True)).flatten(1, 2)

    def _heads(self, x: Tensor) -> Tensor:
        """Queries, keys and values (B, L, H + 2G, K) of tokens (B, L, D)."""
        return self.qkv_proj(x.to(self.qkv_proj.weight.dtype)).unflatten(-1, (-1, self.head_dim))

    def _featured(self, heads: Tensor, rotation: Tensor, queried: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Features of queries (B, Q, G, S, F) and keys (B, G, L, F), and values (B, G, L, K + 1), of heads (B, L, H + 2G, K)."""
        turned = rotate(heads[:, :, : -self.num_kv_heads], rotation)  # (B, L, H + G, K)
        query = self.features.of_queries(turned[:, queried, : self.num_heads])
        key = self.features.of_keys(turned[:, :, self.num_heads :])
        value = functional.pad(heads[:, :, -self.num_kv_heads :], (0, 1), value=1.0)  # (B, L, G, K + 1)
        return query.unflatten(2, (self.num_kv_heads, -1)), key.transpose(1, 2), value.transpose(1, 2)
