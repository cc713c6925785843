"""One value of what several heads say.

upper_confidence_bound(values, ucb) -- their mean and so many of their standard deviations
check_ucb(ucb, num_heads)           -- whether there are deviations to count

K heads, V choices.
"""

from torch import Tensor


def upper_confidence_bound(values: Tensor, ucb: float) -> Tensor:
    """Mean + ucb * standard deviation over the heads, (..., V) of values (..., K, V): Chen et al. (2017), eq. 8."""
    return values.mean(-2) if ucb == 0 else values.mean(-2) + ucb * values.std(-2, correction=0)


def check_ucb(ucb: float, num_heads: int) -> None:
    """Raise a ValueError where `ucb` is below zero, or above it of a single head, which has no deviation."""
    if not ucb >= 0:
        raise ValueError(f"ucb: expected at least 0, got {ucb}")
    if ucb > 0 and num_heads == 1:
        raise ValueError(f"ucb: expected 0, since a single head of values has no deviation, got {ucb}")
