"""Vectors and logits of bins, of which neighbours have much in common.

BinEmbedding -- bins as tokens
BinLogits    -- what a token's features say of the next one's bin

P positions, V bins of each, D width, K harmonics. Free vectors alone would each have to be seen often before they mean anything;
so beside them stands what a bin shares with its neighbours.
"""

import math

import torch
from torch import Tensor, nn

HARMONICS = 16


class BinEmbedding(nn.Module):
    """A free vector for each bin of each position, and beside it a smooth function of the bin's number.

    The functions are the first K of the discrete cosine transform (Ahmed et al., 1974).

    Args:
        num_positions: P.
        num_bins: V.
        embed_dim: D.
        scale: standard deviation that the smooth part begins with.
    """

    basis: Tensor

    def __init__(self, num_positions: int, num_bins: int, embed_dim: int, scale: float = 1.0) -> None:
        super().__init__()
        count = min(HARMONICS, num_bins)
        self.free = nn.Parameter(torch.zeros(num_positions, num_bins, embed_dim))
        self.coefficients = nn.Parameter(torch.randn(num_positions, count, embed_dim) * scale / math.sqrt(count))
        middle = (torch.arange(num_bins, dtype=torch.float64)[:, None] + 0.5) / num_bins  # (V, 1)
        self.register_buffer("basis", torch.cos(math.pi * middle * torch.arange(count)).float(), persistent=False)

    def forward(self) -> Tensor:
        """The vectors, (P, V, D)."""
        return self.free + self.basis @ self.coefficients

    def at(self, position: int) -> Tensor:
        """Those of one position, (V, D)."""
        return self.free[position] + self.basis @ self.coefficients[position]


class BinLogits(nn.Module):
    """Logits of bins: a Gaussian over their numbers, whose mean and width the features say, and a product with each bin's vector.

    The Gaussian finds the place, the vectors its shape: alone they would have to be as fine as the bins.

    Args:
        num_positions: P.
        num_bins: V.
        embed_dim: D.
    """

    def __init__(self, num_positions: int, num_bins: int, embed_dim: int) -> None:
        super().__init__()
        self.num_bins = num_bins
        self.vectors = BinEmbedding(num_positions, num_bins, embed_dim, embed_dim**-0.5)
        self.place = nn.Parameter(torch.randn(num_positions, 2, embed_dim) * embed_dim**-0.5)
        self.place_bias = nn.Parameter(torch.zeros(num_positions, 2))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (..., P, V) of features (..., P, D), one of each position."""
        place = torch.einsum("...pd,pkd->...pk", features, self.place) + self.place_bias
        return torch.einsum("...pd,pvd->...pv", features, self.vectors()) + self._gaussian(place)

    def at(self, features: Tensor, position: int) -> Tensor:
        """Logits (..., V) of features (..., D), all of this position."""
        place = features @ self.place[position].T + self.place_bias[position]
        return features @ self.vectors.at(position).T + self._gaussian(place)

    def _gaussian(self, place: Tensor) -> Tensor:
        """-(bin - mean)^2 / (2 std^2), (..., V); a place (..., 2) is zero in the middle and at a quarter of the range."""
        mean = 0.5 * self.num_bins * (1 + place[..., :1])
        std = 0.25 * self.num_bins * place[..., 1:].clamp(-5, 3).exp()
        return -0.5 * ((torch.arange(self.num_bins, device=place.device) - mean) / std).square()
