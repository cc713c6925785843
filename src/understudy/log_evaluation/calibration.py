"""Confidence that means what it says: a temperature and a threshold, both chosen on held-out runs.

fit_temperature(logits, labels)                 -- the divisor of logits that makes the labels likeliest
probabilities(logits, temperature)              -- (N, C)
threshold_for(confidence, right, precision)     -- above which a policy is right often enough
calibration_error(confidence, right)            -- how far confidence lies from the share of right choices

N steps, C choices.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

LOWEST, HIGHEST = 0.05, 20.0  # temperatures that are tried
BINS = 10


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature at which labels (N,) are likeliest under logits (N, C); Guo et al. (2017)."""

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Of each choice, (N, C) float64."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1))


def threshold_for(confidence: np.ndarray, right: np.ndarray, precision: float) -> float | None:
    """The least confidence from which the share of `right` (N,) bool is at least `precision`; None where there is none."""
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Steps of equal confidence are above a threshold together, so only the last of them counts.
    last = np.append(np.diff(confidence[order]) != 0, True)
    enough = np.flatnonzero((share >= precision) & last)
    return float(confidence[order][enough[-1]]) if len(enough) else None


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal width (Naeini et al., 2015)."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    apart = np.bincount(bins, confidence, BINS) - np.bincount(bins, right.astype(np.float64), BINS)
    return float(np.abs(apart).sum() / counts.sum())
