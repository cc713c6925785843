"""Scaled dot-product attention under a mask, written out.

Band                     -- some queries and the keys within their reach
scaled_scores(query, ..) -- query key^T / sqrt(K), and the mask
attend(query, ...)       -- values weighted by their softmax
attend_bands(query, ..)  -- the same, band by band

B rows, L tokens, Q of them queries, N keys, H heads of queries, G of keys and values, K width of a head, D = H K, R slots of a
cache.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Band:
    """Some queries and the keys within their reach.

    Attributes:
        queries: of the L tokens.
        keys: of the L tokens, or of a cache's R slots.
        bias: (Q, N) or (B, 1, Q, N) float32, added to the scores; with one row for all queries where they see the same keys.
    """

    queries: slice
    keys: slice
    bias: Tensor


def scaled_scores(query: Tensor, key: Tensor, bias: Tensor) -> Tensor:
    """query key^T / sqrt(K) + bias, (B, G, Q, H / G, N) float32.

    The H / G queries of a token that share keys are laid beside each other, and those of all tokens are multiplied by the keys
    together.

    Args:
        query: (B, Q, H, K).
        key: (B, G, N, K).
        bias: (Q, N) or (B, 1, Q, N).
    """
    batch, groups, length, width = key.shape
    num_queries, shared = query.shape[1], query.shape[2] // groups
    grouped = query.view(batch, num_queries, groups, shared, width).transpose(1, 2)  # (B, G, Q, H / G, K)
    grouped = grouped.reshape(batch * groups, num_queries * shared, width)  # (B G, Q H / G, K)
    products = torch.bmm(grouped, key.flatten(0, 1).mT)  # (B G, Q H / G, N)
    products = products.view(batch, groups, num_queries, shared, length)  # (B, G, Q, H / G, N)
    return torch.add(bias.unsqueeze(-2), products, alpha=width**-0.5)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(K) + bias) value, (B, Q, D), in the keys' dtype, with the softmax in float32.

    At play keys have the cache's dtype. In training they are float32, and on a CPU their products are too, also where layers
    multiply in bfloat16 by autocast; a GPU's autocast is left alone.
    Written out: under a mask torch's fused kernel takes longer on a CPU (benchmarks/attention.py).

    Args:
        query: (B, Q, H, K).
        key: (B, G, N, K).
        value: (B, G, N, K).
        bias: (Q, N) or (B, 1, Q, N), zero where a query may see a key and -inf where not.
    """
    if torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            return attend(query, key, value, bias)
    weights = torch.softmax(scaled_scores(query, key, bias), dim=-1).to(key.dtype)  # (B, G, Q, H / G, N)
    batch, groups, num_queries, shared, length = weights.shape
    flat = weights.view(batch * groups, num_queries * shared, length)  # (B G, Q H / G, N)
    mixed = torch.bmm(flat, value.flatten(0, 1))  # (B G, Q H / G, K)
    mixed = mixed.view(batch, groups, num_queries, shared, value.shape[-1]).transpose(1, 2)  # (B, Q, G, H / G, K)
    return mixed.flatten(2)  # (B, Q, D)


def attend_bands(query: Tensor, key: Tensor, value: Tensor, bands: list[Band]) -> Tensor:
    """The queries of all bands in their order, (B, Q, D), each mixed from the keys (B, G, N, K) that its band names."""
    mixed = [attend(query[:, band.queries], key[:, :, band.keys], value[:, :, band.keys], band.bias) for band in bands]
    return torch.cat(mixed, dim=1) if len(mixed) > 1 else mixed[0]
