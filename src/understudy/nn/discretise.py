"""Numbers as tokens: each dimension has bins of its own, measured on the training steps.

fit_bins(values, ...) -- the bins of one dimension
Bins                  -- their edges and means
Discretiser           -- those of several dimensions, as a module whose tables are saved with the weights
round_trip_errors     -- how much is lost by a number's way into its bin and back

M dimensions, N bins at most. A bin holds the numbers from its lower edge on, below its upper one; the outermost ones hold all
beyond. It is decoded to the mean of the training numbers in it.

Quantiles alone would put all rare numbers into one bin: of a sparse reward 0 and 1, of a landing's rewards 4.5 and 100. So a
number that is often repeated, an atom, has a bin of its own, and a share of the bins is spread evenly over the tails.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

Binning = Literal["quantile", "uniform"]
ATOM_SHARE = (
    0.001  # of the numbers, from which on a repeated one is an atom: an episode's last reward is one in hundreds
)
TAIL = 0.02  # share of the numbers on either side that are the tails
TAIL_BINS = 0.2  # share of the bins that are spread over each of them
RANGE = 4.0  # of normalised numbers, where nothing has been measured


@dataclass(frozen=True)
class Bins:
    """The bins of a dimension.

    Attributes:
        edges: (n - 1,) float32, ascending, between neighbours.
        means: (n,) float32, of the numbers in each.
    """

    edges: np.ndarray
    means: np.ndarray


def fit_bins(values: np.ndarray, num_bins: int, binning: Binning) -> Bins:
    """Bins of these numbers, none of them empty; where there are few different numbers, one for each.

    Args:
        values: (K,) float32.
        num_bins: N, at least 2.
        binning: whether bins hold as many numbers each ("quantile") or are as wide ("uniform"), beside those of atoms.

    Raises:
        ValueError: a number is not finite, there are none, or there is no such binning.
    """
    if binning not in get_args(Binning):
        raise ValueError(f"binning: expected one of {', '.join(get_args(Binning))}, got {binning!r}")
    if not len(values):
        raise ValueError("values: expected some numbers, got none")
    if not np.isfinite(values).all():
        raise ValueError(f"values: expected finite numbers, got {values[~np.isfinite(values)][0]}")
    values = np.sort(values.astype(np.float32))
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= num_bins:
        return _filled(values, _between(distinct))
    repeated = np.flatnonzero(counts >= max(2.0, ATOM_SHARE * len(values)))
    most = repeated[np.argsort(-counts[repeated], kind="stable")][: num_bins // 4]
    atoms = np.sort(distinct[most])
    others = values[~np.isin(values, atoms)]
    edges = np.concatenate([atoms, np.nextafter(atoms, np.float32(np.inf))])
    rest = num_bins - len(edges)  # an edge more is a bin more
    if len(others):
        edges = np.concatenate([edges, _spread(others, rest, binning)])
    return _filled(values, np.unique(edges))


def _between(distinct: np.ndarray) -> np.ndarray:
    """An edge between each two neighbours (n,) that keeps them apart, also where no number lies between them."""
    middle = (distinct[:-1].astype(np.float64) + distinct[1:]) / 2
    return np.maximum(middle.astype(np.float32), np.nextafter(distinct[:-1], np.float32(np.inf)))


def _spread(values: np.ndarray, num_bins: int, binning: Binning) -> np.ndarray:
    """The inner edges of so many bins over these numbers, ascending."""
    low, high = values[0], values[-1]
    if binning == "uniform":
        return np.linspace(low, high, num_bins + 1, dtype=np.float32)[1:-1]
    tail = int(TAIL_BINS * num_bins)
    # With tails both ends of the inner shares are edges, to the tails; without they are none.
    shares = np.linspace(TAIL, 1 - TAIL, num_bins - 2 * tail + 1) if tail else np.linspace(0, 1, num_bins + 1)[1:-1]
    inner = values[np.round(shares * (len(values) - 1)).astype(np.int64)]  # numbers that occur: no arithmetic
    if not tail:
        return inner
    below = np.linspace(low, inner[0], tail + 1, dtype=np.float32)[1:-1]
    above = np.linspace(inner[-1], high, tail + 1, dtype=np.float32)[1:-1]
    return np.concatenate([below, inner, above])


def _filled(values: np.ndarray, edges: np.ndarray) -> Bins:
    """The bins between these edges; one without a number is joined to its neighbour."""
    first = np.searchsorted(values, edges, side="left")  # how many numbers lie below each edge
    kept = np.diff(np.concatenate([[0], first])) > 0  # the bin below the edge is not empty
    kept &= first < len(values)  # nor are all those above it
    edges, first = edges[kept], first[kept]
    bounds = np.concatenate([[0], first, [len(values)]])
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return Bins(edges, (np.diff(sums[bounds]) / np.diff(bounds)).astype(np.float32))


class Discretiser(nn.Module):
    """Bins of M dimensions; before they are fitted N of equal width, as if numbers were normalised.

    Args:
        num_dimensions: M.
        num_bins: N.

    Attributes:
        edges: (M, N - 1) float32, the largest number beyond a dimension's last.
        means: (M, N) float32, zero where there is no bin.
        counts: (M,) int64, how many bins each dimension has.

    Raises:
        ValueError: there would be fewer than two bins.
    """

    edges: Tensor
    means: Tensor
    counts: Tensor

    def __init__(self, num_dimensions: int, num_bins: int) -> None:
        super().__init__()
        if num_bins < 2:
            raise ValueError(f"num_bins: expected at least 2, got {num_bins}")
        every = torch.linspace(-RANGE, RANGE, num_bins + 1)
        self.num_bins = num_bins
        self.register_buffer("edges", every[1:-1].repeat(num_dimensions, 1))
        self.register_buffer("means", ((every[1:] + every[:-1]) / 2).repeat(num_dimensions, 1))
        self.register_buffer("counts", torch.full((num_dimensions,), num_bins))

    def fit(self, values: np.ndarray, binning: Binning) -> None:
        """Measure the bins on numbers (K, M) float32; as `fit_bins`."""
        for dimension, column in enumerate(values.T):
            bins = fit_bins(column, self.num_bins, binning)
            count = len(bins.means)
            self.edges[dimension] = torch.finfo(torch.float32).max
            self.edges[dimension, : count - 1] = torch.from_numpy(bins.edges)
            self.means[dimension] = 0
            self.means[dimension, :count] = torch.from_numpy(bins.means)
            self.counts[dimension] = count

    def encode(self, values: Tensor) -> Tensor:
        """In which bin, (..., M) int64, each of these numbers (..., M) lies."""
        columns = values.reshape(-1, values.shape[-1]).T.contiguous()  # (M, K)
        found = torch.searchsorted(self.edges, columns, right=True).clamp(max=self.counts[:, None] - 1)
        return found.T.reshape(values.shape)

    def decode(self, bins: Tensor) -> Tensor:
        """What each of these bins (..., M) int64 stands for, (..., M) float32."""
        return self.means[torch.arange(len(self.means), device=bins.device), bins]

    def missing(self) -> Tensor:
        """Which bins do not exist, (M, N) bool."""
        return torch.arange(self.num_bins, device=self.counts.device) >= self.counts[:, None]


def round_trip_errors(discretiser: Discretiser, values: Tensor) -> Tensor:
    """How far numbers (K, M) are from what their bins are decoded to: the root mean square, (M,), as a share of their deviation.

    Of all numbers, or of those between the tails where that is more: rare large numbers make the deviation of all so large that
    it says nothing of the others. Zero where a dimension never changes.
    """
    errors = (discretiser.decode(discretiser.encode(values)) - values).double()
    values = values.double()
    ascending = values.sort(0).values
    low, high = (ascending[round(share * (len(values) - 1))] for share in (TAIL, 1 - TAIL))
    between = (values >= low) & (values <= high)
    return torch.maximum(_share_lost(errors, values, torch.ones_like(between)), _share_lost(errors, values, between))


def _share_lost(errors: Tensor, values: Tensor, chosen: Tensor) -> Tensor:
    """The root mean square of the errors (K, M) over the deviation of the values (K, M), of those chosen (K, M) bool; (M,)."""
    count = chosen.sum(0)
    apart = torch.where(chosen, values - torch.where(chosen, values, 0.0).sum(0) / count, 0.0)
    error, deviation = ((torch.where(chosen, each, 0.0).square().sum(0) / count).sqrt() for each in (errors, apart))
    return torch.where(deviation > 0, error / deviation.clamp_min(torch.finfo(torch.float64).tiny), 0.0).float()
