"""What predictions of logged choices are worth, in numbers.

describe(predictions, runs, precision) -- every number of one policy or baseline, JSON-ready
right_choices(logits, runs)            -- (N,) bool, from which accuracies and their intervals come
success(values, runs, share)           -- AUROC and Brier score after this share of each run

N steps of E episodes, C choices.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from understudy.log_evaluation.calibration import calibration_error, fit_temperature, probabilities, threshold_for
from understudy.log_evaluation.predictions import SPLITS, Predictions
from understudy.log_evaluation.runs import JudgedRuns
from understudy.log_evaluation.surprise import surprises

TOP = 3
SHARES = {"half": 0.5, "whole": 1.0}  # of a run, after which its success is foretold


def right_choices(logits: np.ndarray, runs: JudgedRuns) -> np.ndarray:
    """Whether the likeliest choice is the logged one, (N,) bool; what training never saw cannot be right."""
    return (logits.argmax(axis=1) == runs.labels) & runs.known


def describe(of_split: Mapping[str, Predictions], runs: Mapping[str, JudgedRuns], precision: float) -> dict[str, Any]:
    """Numbers about the test; temperature and threshold of the gate come from the held-out runs.

    Args:
        of_split, runs: by "validation" and "test".
        precision: that the gate is to have on the held-out runs.
    """
    held, test = (of_split[name] for name in SPLITS)
    held_runs, test_runs = (runs[name] for name in SPLITS)
    known = held_runs.known
    temperature = fit_temperature(held.logits[known], held_runs.labels[known])
    gate = probabilities(held.logits, temperature).max(axis=1)
    threshold = threshold_for(gate, right_choices(held.logits, held_runs), precision)
    chances = probabilities(test.logits, temperature)
    confidence = chances.max(axis=1)
    right = right_choices(test.logits, test_runs)
    acts = np.zeros_like(right) if threshold is None else confidence >= threshold
    there = np.unique(test_runs.labels[test_runs.known])
    best = np.argsort(-test.logits, axis=1, kind="stable")[:, :TOP]
    return {
        **_accuracies(right, test_runs),
        "validation_accuracy": float(right_choices(held.logits, held_runs).mean()),
        "top_3": float(((best == test_runs.labels[:, None]).any(axis=1) & test_runs.known).mean()),
        "macro_f1": _macro_f1(test_runs.labels, test.logits.argmax(axis=1), there),
        "temperature": temperature,
        "threshold": threshold,
        "coverage": float(acts.mean()),
        "coverage_precision": float(right[acts].mean()) if acts.any() else None,
        "calibration_error": calibration_error(confidence, right),
        "surprise": float(surprises(chances, test_runs.labels).mean()),
        **_successes(test.values, test_runs),
    }


def _macro_f1(labels: np.ndarray, chosen: np.ndarray, there: np.ndarray) -> float:
    """Mean F1 over the choices `there`."""
    return float(f1_score(labels, chosen, labels=there, average="macro", zero_division=0))


def _accuracies(right: np.ndarray, runs: JudgedRuns) -> dict[str, Any]:
    tools = runs.is_tool
    return {
        "decisions": len(right),
        "tool_turns": int(tools.sum()),
        "accuracy": float(right.mean()),
        "tool_accuracy": float(right[tools].mean()) if tools.any() else None,
    }


def _successes(values: np.ndarray | None, runs: JudgedRuns) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, share in SHARES.items():
        auroc, brier = (None, None) if values is None else success(values[runs.places(share)], runs)
        found |= {f"success_auroc_{name}": auroc, f"success_brier_{name}": brier}
    return found


def success(expected: np.ndarray, runs: JudgedRuns) -> tuple[float | None, float | None]:
    """AUROC and Brier score of expected outcomes (E,), of runs whose outcome is known to be a success or a failure.

    A value is a regression's and may lie beyond; the Brier score takes what of it is a probability. Both are None where all runs
    end alike.
    """
    known = np.isin(runs.outcomes, (0.0, 1.0))
    outcomes, expected = runs.outcomes[known], expected[known]
    if len(np.unique(outcomes)) < 2:
        return None, None
    brier = brier_score_loss(outcomes, np.clip(expected, 0, 1))
    return float(roc_auc_score(outcomes, expected)), float(brier)
