"""What it takes to foretell success: the whole run so far, and how long it is.

history_chances(training, others, outcomes, params, by_length) -- chances of success, by split
run_so_far(observations, runs)                                 -- (N, F), of each step

N steps, S observation components, F features, C choices.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from understudy.log_evaluation.runs import JudgedRuns
from understudy.params.log_evaluation import LogEvaluationParams

BESIDE_CHOICES = 4  # entries of an observation that count neither vectors nor choices: turns, failure, who was heard


def run_so_far(observations: np.ndarray, runs: JudgedRuns) -> np.ndarray:
    """The mean of a run's observations (N, S) up to each step, what the present one counts, and the number of decisions."""
    lengths = np.diff(runs.offsets)
    starts = np.repeat(runs.offsets[:-1], lengths)
    made = np.arange(len(observations)) - starts + 1
    sums = np.concatenate([np.zeros((1, observations.shape[1])), np.cumsum(observations, axis=0, dtype=np.float64)])
    means = (sums[1:] - sums[starts]) / made[:, None]
    counted = observations[:, -(len(runs.choices) + BESIDE_CHOICES) :]
    return np.concatenate([means, counted, made[:, None]], axis=1)


def history_chances(
    training: tuple[np.ndarray, JudgedRuns],
    others: Mapping[str, tuple[np.ndarray, JudgedRuns]],
    params: LogEvaluationParams,
    by_length: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Chance of success (N,) float32 at each step: the mean of a random forest's on the run so far and of `by_length`.

    Each run weighs the same, however long it is. Neither alone is as good: a forest does not extrapolate to longer runs.

    Args:
        training, others: observations and runs; of some training runs the outcome is a success, of others a failure.
        params: of the forest.
        by_length: chances (N,) by how long the run is.
    """
    observations, runs = training
    lengths = np.diff(runs.offsets)
    outcomes, weights = np.repeat(runs.outcomes, lengths), np.repeat(1 / lengths, lengths)
    known = np.isin(outcomes, (0.0, 1.0))
    forest = RandomForestClassifier(params.forest_trees, min_samples_leaf=params.forest_leaf, random_state=params.seed)
    forest.fit(run_so_far(observations, runs)[known], outcomes[known], sample_weight=weights[known])
    return {
        name: ((forest.predict_proba(run_so_far(*each))[:, 1] + by_length[name]) / 2).astype(np.float32)
        for name, each in others.items()
    }
