"""Numbers of any scale as bins of one vocabulary: mu-law companding (ITU-T G.711), as in Gato (Reed et al., 2022, appendix B).

MuLawBins -- the bins

F(x) = sign(x) log(1 + mu |x|) / log(1 + mu x_max) leads numbers from -x_max to x_max to -1 to 1, with the finest steps around
zero, and N bins of equal width lie there. Nothing is measured, so that a bin means the same in every task.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MU = 100.0
LARGEST = 10.0  # x_max, of normalised numbers: those further from zero count for it


@dataclass(frozen=True)
class MuLawBins:
    """N bins.

    Args:
        num_bins: N.

    Raises:
        ValueError: there would be fewer than two.
    """

    num_bins: int

    def __post_init__(self) -> None:
        if self.num_bins < 2:
            raise ValueError(f"num_bins: expected at least 2, got {self.num_bins}")

    def encode(self, numbers: Tensor) -> Tensor:
        """In which bin, (...) int64 from 0 to N - 1, each of these numbers (...) lies; the largest number lies in the last."""
        compressed = compress(numbers.clamp(-LARGEST, LARGEST))
        return ((compressed + 1) / 2 * self.num_bins).long().clamp(0, self.num_bins - 1)

    def decode(self, bins: Tensor) -> Tensor:
        """The number (...) float32 whose companded value is the middle of each of these bins (...) int64."""
        return expand((bins.to(torch.float32) + 0.5) / self.num_bins * 2 - 1)


def compress(numbers: Tensor) -> Tensor:
    """F of numbers (...)."""
    return numbers.sign() * torch.log1p(MU * numbers.abs()) / math.log1p(MU * LARGEST)


def expand(compressed: Tensor) -> Tensor:
    """The numbers (...) of which these are F."""
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(MU * LARGEST)) / MU
