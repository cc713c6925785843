"""Random numbers that depend on a seed alone, drawn for many rows at once.

uniform(seeds, *stream) -- one number a row, in [0, 1)

NumPy's generators would be drawn from row by row, and rows that are dealt to several processes have to draw what they would have
drawn in one. These come from SplitMix64's finaliser (Steele et al., 2014), a hash of 64 bits, for all rows in one expression. N
rows.
"""

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def uniform(seeds: np.ndarray, *stream: int | np.ndarray) -> np.ndarray:
    """Numbers (N,) float64 in [0, 1), one a row.

    Args:
        seeds: (N,) int64.
        stream: what the number is for, and the how manieth of its kind it is; numbers from 0, or (N,) int64.
    """
    bits = _mix(seeds.astype(np.uint64))
    for number in stream:
        bits = _mix(bits ^ np.asarray(number).astype(np.uint64))
    return (bits >> np.uint64(11)) * 2.0**-53


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = bits + GAMMA
    bits = (bits ^ (bits >> np.uint64(30))) * MULTIPLIERS[0]
    bits = (bits ^ (bits >> np.uint64(27))) * MULTIPLIERS[1]
    return bits ^ (bits >> np.uint64(31))
