"""Features whose products are attention weights: what linear attention has for exp(q . k / sqrt(K)).

RandomFeatures      -- positive random features (FAVOR+; Choromanski et al., 2021), for `attention: performer`
EluFeatures         -- elu(x) + 1 (Katharopoulos et al., 2020), for `attention: elu`
draw_projection(..) -- orthogonal directions of random lengths

K width of a head, F features of it. All features are float32 and not negative, so that no sum of them comes near zero by
cancelling. Those of a key depend on the key alone. The usual way to keep them finite, to divide by the largest of a row, would
let a token see how large later keys are, and a token that is decoded by itself could not know it; here exponents are held
within a fixed range instead.
"""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST_EXPONENT = 40.0  # e^40 times a million tokens is finite in float32, and e^-40 far from the smallest number


class KernelFeatures(Protocol):
    """A pair of maps from vectors (..., K) to features (..., F), whose products are weights.

    Attributes:
        num_features: F.
    """

    num_features: int

    def of_queries(self, query: Tensor) -> Tensor:
        """Features (..., F) float32 of queries (..., K) float32, each up to a factor of its own, which weights do not show."""

    def of_keys(self, key: Tensor) -> Tensor:
        """Features (..., F) float32 of keys (..., K) float32."""


class RandomFeatures(nn.Module):
    """exp(w . x - |x|^2 / 2) for F random directions w, where x is a query or key over K^(1/4).

    Their product's mean over the directions is exp(q . k / sqrt(K)), the weight in softmax attention, before it is normalised.

    Args:
        head_dim: K.
        num_features: F; the error of a weight falls with their number.
    """

    projection: Tensor

    def __init__(self, head_dim: int, num_features: int) -> None:
        super().__init__()
        self.num_features, self.scale = num_features, head_dim**-0.25
        self.register_buffer("projection", draw_projection(head_dim, num_features))

    def of_queries(self, query: Tensor) -> Tensor:
        """Features (..., F), the largest of which is one: what they are divided by is the query's own."""
        exponents = functional.linear(query * self.scale, self.projection)
        return (exponents - exponents.detach().amax(-1, keepdim=True)).exp()

    def of_keys(self, key: Tensor) -> Tensor:
        """Features (..., F), from e^-40 to e^40."""
        scaled = key * self.scale
        exponents = functional.linear(scaled, self.projection) - scaled.square().sum(-1, keepdim=True) / 2
        return exponents.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT).exp()


class EluFeatures(nn.Module):
    """elu(x) + 1 of each of a vector's K entries: as many features as the head is wide.

    Args:
        head_dim: K.
    """

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.num_features = head_dim

    def of_queries(self, query: Tensor) -> Tensor:
        """Features (..., K)."""
        return functional.elu(query) + 1.0

    def of_keys(self, key: Tensor) -> Tensor:
        """Features (..., K)."""
        return functional.elu(key) + 1.0


def draw_projection(head_dim: int, num_features: int) -> Tensor:
    """Directions (F, K) float32, drawn as weights are: each of them Gaussian, and any K in succession orthogonal.

    In float64 on the way, so that rounding hides in which order a processor's library has summed.
    """
    blocks = []
    for _ in range(-(-num_features // head_dim)):
        orthogonal, triangle = torch.linalg.qr(torch.randn(head_dim, head_dim, dtype=torch.float64))
        # The signs that a library happens to choose would not be evenly spread.
        blocks.append((orthogonal * triangle.diagonal().sign()).T)
    lengths = torch.randn(num_features, head_dim, dtype=torch.float64).norm(dim=-1, keepdim=True)
    return (torch.cat(blocks)[:num_features] * lengths).float()
