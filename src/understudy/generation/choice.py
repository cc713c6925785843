"""Choosing a token of each row by its scores, among the legal ones.

choose(scores, legal, temperature, draws)

B rows, A tokens.
"""

import numpy as np


def choose(scores: np.ndarray, legal: np.ndarray, temperature: float, draws: np.ndarray) -> np.ndarray:
    """A legal token of each row (B,) int64: the one with the highest score, or one drawn by softmax(scores / temperature).

    A row's token depends on that row alone.

    Args:
        scores: (B, A), finite.
        legal: (B, A) bool, at least one a row.
        temperature: 0 for the highest score.
        draws: (B,) in [0, 1), read where the temperature is above 0.
    """
    allowed = np.where(legal, scores.astype(np.float64), -np.inf)
    best = allowed.argmax(axis=1)
    if temperature == 0:
        return best
    rows = np.arange(len(best))
    weights = np.exp((allowed - allowed[rows, best, None]) / temperature)
    cumulated = weights.cumsum(axis=1)
    chosen = (cumulated <= draws[:, None] * cumulated[:, -1:]).sum(axis=1)
    # Rounding may lead beyond the last legal token, or to one before the first whose weight is zero.
    return np.where(legal[rows, np.minimum(chosen, legal.shape[1] - 1)], chosen, best)
