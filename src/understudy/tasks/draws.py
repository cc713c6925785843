"""Drawing among what is allowed, for many games at once.

pick(draws, allowed) -- one of the allowed entries of each row

N games, M entries.
"""

import numpy as np


def pick(draws: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """An allowed entry of each row (N,) int64, each as likely as the others; 0 where a row allows none.

    Args:
        draws: (N,) in [0, 1).
        allowed: (N, M) bool.
    """
    order = np.cumsum(allowed, axis=1)
    wanted = (draws * order[:, -1]).astype(np.int64) + 1
    return np.argmax(order == wanted[:, None], axis=1)
