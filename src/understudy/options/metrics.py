"""What knowing the option adds to knowing the state."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from understudy.sequences.store import Sequences

BOOSTING = {"max_iter": 50, "random_state": 0}
SCARCE = 20  # a rarer action makes no leaf of a tree: it is left out of the fit, and counts as next to impossible


def information_about_actions(training: Sequences, held_out: Sequences) -> float:
    """Estimate I(action; option | state) in nats a step, on held-out steps.

    The difference of the held-out negative log-likelihoods of two gradient-boosted predictors, one that sees the state and
    one that sees the option too. It is below zero where the option adds nothing that holds beyond the training episodes.
    """
    with threadpool_limits(1):
        return _held_out_nll(training, held_out, False) - _held_out_nll(training, held_out, True)


def _held_out_nll(training: Sequences, held_out: Sequences, with_option: bool) -> float:
    if training.spec.num_actions is not None:
        return _choice_nll(training, held_out, with_option, training.spec.num_actions)
    return sum(_entry_nll(training, held_out, with_option, entry) for entry in range(training.spec.action_dim))


def _features(sequences: Sequences, with_option: bool) -> np.ndarray:
    columns = [sequences.states]
    if with_option:
        assert sequences.task.num_options is not None
        columns.append(np.eye(sequences.task.num_options)[sequences.labels_of_steps["option"]])
    return np.concatenate(columns, axis=1)


def _choice_nll(training: Sequences, held_out: Sequences, with_option: bool, num_actions: int) -> float:
    targets = np.asarray(training.labels, dtype=np.int64)
    common = np.bincount(targets)[targets] >= SCARCE
    if len(np.unique(targets[common])) < 2:  # one action needs no classifier, and says nothing
        return 0.0
    classifier = HistGradientBoostingClassifier(**BOOSTING)
    classifier.fit(_features(training, with_option)[common], targets[common])
    probabilities = classifier.predict_proba(_features(held_out, with_option))
    known = np.full((held_out.num_steps, num_actions), 1e-9)
    known[:, classifier.classes_] = np.maximum(probabilities, 1e-9)
    return float(-np.log(known[np.arange(len(known)), np.asarray(held_out.labels, dtype=np.int64)]).mean())


def _entry_nll(training: Sequences, held_out: Sequences, with_option: bool, entry: int) -> float:
    """Of a Gaussian around the prediction of one action entry, whose variance is that of the training residuals."""
    targets, expected = (
        each.task.normalize_actions(each.labels)[:, entry].astype(np.float64) for each in (training, held_out)
    )
    regressor = HistGradientBoostingRegressor(**BOOSTING)
    regressor.fit(_features(training, with_option), targets)
    variance = np.var(targets - regressor.predict(_features(training, with_option))) + 1e-6
    squared = np.square(expected - regressor.predict(_features(held_out, with_option)))
    return float((0.5 * np.log(2 * np.pi * variance) + squared / (2 * variance)).mean())
