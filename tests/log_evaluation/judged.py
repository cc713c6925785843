"""Runs by hand: three tasks, four episodes, and choices whose meaning is known.

RUNS          -- JudgedRuns of 11 steps
logits(chosen)-- of which these choices are the likeliest
"""

import numpy as np

from understudy.log_evaluation.runs import JudgedRuns

CHOICES = ("reply", "finish", "look_up", "cancel", "another")
LABELS = np.array([2, 0, 1, 2, 3, 0, 0, 4, 2, 2, 0])
RUNS = JudgedRuns(
    CHOICES,
    LABELS,
    np.array([0, 3, 6, 8, 11]),
    np.array([0, 1, 0, 2]),
    ("a", "b", "c"),
    np.array([1.0, 0.0, np.nan, 1.0]),
)


def logits(chosen, by=3.0):
    """(N, C), each row's choice above the others."""
    return np.where(np.arange(len(CHOICES)) == np.asarray(chosen)[:, None], by, 0.0).astype(np.float32)
