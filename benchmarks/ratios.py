"""Paired measurements as one ratio with its spread.

paired_ratios(ours, theirs, faster_is) -- how many times faster ours was, round by round
spread(values)                         -- median and quartiles
"""

import statistics
from collections.abc import Sequence
from typing import Literal


def paired_ratios(ours: Sequence[float], theirs: Sequence[float], faster_is: Literal["higher", "lower"]) -> list[float]:
    """Ratios above one where ours is faster: ours / theirs for rates, theirs / ours for times.

    Raises:
        ValueError: the rounds do not pair up.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"expected as many rounds of both, got {len(ours)} of ours and {len(theirs)} of theirs")
    pairs = zip(ours, theirs, strict=True)
    return [mine / other if faster_is == "higher" else other / mine for mine, other in pairs]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles, between the data's own smallest and largest; a single value is all three.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("expected at least one value, got none")
    if len(values) == 1:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": statistics.median(values), "low": low, "high": high}
