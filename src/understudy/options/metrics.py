"""How good a segmentation into options is.

usage, entropy, median_dwell, switch_rate  -- how the options are used
information_about_actions                  -- what knowing the option adds to knowing the state
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from understudy.sequences.store import Sequences


def describe_usage(options: np.ndarray, starts: np.ndarray, num_options: int) -> dict[str, Any]:
    """How options (N,) are used, where `starts` (N,) bool marks the first step of each episode.

    Returns:
        usage: share of the steps, a list of num_options. entropy: of the usage, in nats. median_dwell: steps an option is
        held, median over stretches. switch_rate: switches a step, episode starts not counted.
    """
    usage = np.bincount(options, minlength=num_options) / len(options)
    used = usage[usage > 0]
    begins = starts.copy()
    begins[1:] |= options[1:] != options[:-1]
    dwell = np.diff(np.concatenate([np.flatnonzero(begins), [len(options)]]))
    return {
        "usage": [round(float(share), 6) for share in usage],
        "entropy": float(-(used * np.log(used)).sum()),
        "median_dwell": float(np.median(dwell)),
        "switch_rate": float((begins & ~starts).sum() / len(options)),
    }


def information_about_actions(training: Sequences, held_out: Sequences) -> float:
    """Estimate I(action; option | state) in nats a step, on held-out steps.

    The difference of the held-out negative log-likelihoods of two gradient-boosted predictors, one that sees the state and
    one that sees the option too. It is below zero where the option adds nothing that holds beyond the training episodes.
    """
    with threadpool_limits(1):
        return _held_out_nll(training, held_out, False) - _held_out_nll(training, held_out, True)


def _held_out_nll(training: Sequences, held_out: Sequences, with_option: bool) -> float:
    if training.spec.discrete_actions:
        return _choice_nll(training, held_out, with_option)
    return sum(_entry_nll(training, held_out, with_option, entry) for entry in range(training.spec.action_dim))


def _features(sequences: Sequences, with_option: bool) -> np.ndarray:
    columns = [sequences.states]
    if with_option:
        columns.append(np.eye(sequences.num_options)[sequences.options])
    return np.concatenate(columns, axis=1)


def _choice_nll(training: Sequences, held_out: Sequences, with_option: bool) -> float:
    targets = np.asarray(training.labels, dtype=np.int64)
    if (targets == targets[0]).all():  # one action needs no classifier, and says nothing
        return 0.0
    classifier = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(
        _features(training, with_option), targets
    )
    probabilities = classifier.predict_proba(_features(held_out, with_option))
    known = np.full((held_out.num_steps, training.spec.num_actions), 1e-9)
    known[:, classifier.classes_] = np.maximum(probabilities, 1e-9)
    return float(-np.log(known[np.arange(len(known)), np.asarray(held_out.labels, dtype=np.int64)]).mean())


def _entry_nll(training: Sequences, held_out: Sequences, with_option: bool, entry: int) -> float:
    """Of a Gaussian around the prediction of one action entry, whose variance is that of the training residuals."""
    regressor = HistGradientBoostingRegressor(max_iter=50, random_state=0)
    regressor.fit(_features(training, with_option), training.labels[:, entry])
    variance = np.var(training.labels[:, entry] - regressor.predict(_features(training, with_option))) + 1e-6
    squared = np.square(held_out.labels[:, entry] - regressor.predict(_features(held_out, with_option)))
    return float((0.5 * np.log(2 * np.pi * variance) + squared / (2 * variance)).mean())
