"""The one mean that every loss uses."""

from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (B, T) where mask (B, T) is true; zero where it is nowhere true.

    Masked values do not enter, not even as zero times infinity.
    """
    if values.shape != mask.shape:
        raise ValueError(f"mask: expected the shape of the values, {tuple(values.shape)}, got {tuple(mask.shape)}")
    return values.masked_fill(~mask, 0.0).sum() / mask.sum().clamp(min=1)
