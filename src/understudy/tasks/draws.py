"""Random numbers of a game that depend on its seed alone, drawn for many games at once.

uniform(seeds, *stream) -- one number a game, in [0, 1)
pick(draws, allowed)    -- one of the allowed entries of each row

NumPy's generators would be drawn from game by game. These come from SplitMix64's finaliser (Steele et al. 2014), a hash of 64
bits, for all games in one expression. N games, M entries.
"""

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def uniform(seeds: np.ndarray, *stream: int) -> np.ndarray:
    """Numbers (N,) float64 in [0, 1), one a game.

    Args:
        seeds: (N,) int64 of the games. stream: what the number is for, and the how manieth of its kind it is.
    """
    bits = _mix(seeds.astype(np.uint64))
    for number in stream:
        bits = _mix(bits ^ np.uint64(number))
    return (bits >> np.uint64(11)) * 2.0**-53


def pick(draws: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """An allowed entry of each row (N,) int64, each as likely as the others; 0 where a row allows none.

    Args:
        draws: (N,) in [0, 1). allowed: (N, M) bool.
    """
    order = np.cumsum(allowed, axis=1)
    wanted = (draws * order[:, -1]).astype(np.int64) + 1
    return np.argmax(order == wanted[:, None], axis=1)


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = bits + GAMMA
    bits = (bits ^ (bits >> np.uint64(30))) * MULTIPLIERS[0]
    bits = (bits ^ (bits >> np.uint64(27))) * MULTIPLIERS[1]
    return bits ^ (bits >> np.uint64(31))
