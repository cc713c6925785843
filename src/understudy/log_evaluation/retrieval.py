"""Which of a hundred replies comes next: the logged one is to be found among others of the same runs.

draw_candidates(said, seed) -- the replies among which each is to be found
ranks(scores)               -- places of the logged ones
fit_weights(scores)         -- how much each score counts, as the held-out runs have it

M replies, K candidates, of which the last is the logged one.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

CANDIDATES = 100


def draw_candidates(said: np.ndarray, seed: int) -> np.ndarray:
    """Texts (M, K) by number: in each row the reply's own is the last; others of `said` make it a hundred, or all there are."""
    texts, generator = np.unique(said), np.random.default_rng(seed)
    count = min(CANDIDATES, len(texts)) - 1
    drawn = [np.append(generator.choice(texts[texts != own], count, replace=False), own) for own in said.tolist()]
    return np.stack(drawn)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Place (M,) of each logged reply by scores (M, K), 1 for the first; ties count half against it."""
    others, own = scores[:, :-1], scores[:, -1:]
    return np.asarray(1 + (others > own).sum(axis=1) + (others == own).sum(axis=1) / 2)


def fit_weights(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Weights, at least 0, of some scores (M, K) each, with which the logged replies are likeliest under a softmax of their sum.

    A conditional logit (McFadden, 1974), whose likelihood is concave. The weights hold the temperature too.
    """
    stacked = np.stack(scores).astype(np.float64)  # (number of scores, M, K)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logged = log_softmax(np.tensordot(weights, stacked, 1), axis=1)
        slopes = stacked[:, :, -1] - (np.exp(logged) * stacked).sum(axis=2)
        return float(-logged[:, -1].mean()), -slopes.mean(axis=1)

    found = minimize(loss, np.ones(len(scores)), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(scores))
    return np.asarray(found.x)
