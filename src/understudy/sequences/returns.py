"""The return still to come."""

import numpy as np


def returns_to_go(rewards: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Undiscounted sum of rewards from each step to the end of its episode.

    Args:
        rewards: (N,) raw reward, episodes one after the other. offsets: (E + 1,) int64, where each begins.

    Returns:
        (N,) float64.
    """
    before = np.concatenate([[0.0], np.cumsum(rewards, dtype=np.float64)])
    at_end = np.repeat(before[offsets[1:]], np.diff(offsets))
    return at_end - before[:-1]
