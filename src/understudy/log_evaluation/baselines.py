"""What a policy has to beat, from the same training steps.

predict_baselines(training, others, params) -- {"majority": {"validation": Predictions, "test": Predictions}, ...}

Counts of choices with back-off (majority, bigram, 4-gram), nearest neighbours, and logistic regression on what a policy observes
and on the choice before; for success how long a run is, the same logistic regression, and a forest on the whole run so far.

N steps, S observation components, C choices.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from understudy.log_evaluation.history import history_chances
from understudy.log_evaluation.metrics import right_choices
from understudy.log_evaluation.predictions import Predictions
from understudy.log_evaluation.runs import JudgedRuns
from understudy.params.log_evaluation import LogEvaluationParams

ITERATIONS = 500
UNSEEN = 1e-3  # share of a count that a choice has which was never seen in its place


@dataclass(frozen=True)
class Steps:
    """Observations (N, S) float32 of runs, and the runs."""

    observations: np.ndarray
    runs: JudgedRuns

    @property
    def features(self) -> np.ndarray:
        """(N, S + C + 1): observation, and the choice before as one of C + 1."""
        before = np.eye(len(self.runs.choices) + 1, dtype=np.float32)[self.runs.previous]
        return np.concatenate([self.observations, before], axis=1)


def predict_baselines(
    training: Steps, others: Mapping[str, Steps], params: LogEvaluationParams
) -> dict[str, dict[str, Predictions]]:
    """What each baseline predicts of `others`; what it leaves open is chosen on those of "validation"."""
    scaler = StandardScaler().fit(training.features)
    found = {name: _by_counts(training.runs, others, length) for name, length in GRAMS.items()}
    found["neighbours"] = _neighbours(training, others, scaler, params)
    found["logistic"] = _logistic(training, others, scaler, params)
    by_length = _success(training, others, params, _lengths)
    found["run_length"] = _with_values(found["majority"], by_length)
    if by_length is not None:
        every = {name: (each.observations, each.runs) for name, each in others.items()}
        chances = history_chances((training.observations, training.runs), every, params, by_length)
        found["history"] = _with_values(found["majority"], chances)
    return found


GRAMS = {"majority": 0, "bigram": 1, "four_gram": 3}  # choices before that are looked at


def _by_counts(training: JudgedRuns, others: Mapping[str, Steps], length: int) -> dict[str, Predictions]:
    """How often what came next after the same last choices; after fewer of them where these were never seen."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for label, before in zip(training.labels.tolist(), _before(training, length), strict=True):
        for shorter in range(length + 1):
            counts[before[length - shorter :]][label] += 1

    def logits(before: tuple[int, ...]) -> np.ndarray:
        while before not in counts:
            before = before[1:]
        seen = np.full(len(training.choices), UNSEEN)
        for label, count in counts[before].items():
            seen[label] += count
        return np.asarray(np.log(seen), np.float32)

    return {
        name: Predictions(np.stack([logits(before) for before in _before(steps.runs, length)]))
        for name, steps in others.items()
    }


def _before(runs: JudgedRuns, length: int) -> list[tuple[int, ...]]:
    """The last `length` choices before each step; C stands for those before a run's first."""
    found = []
    for first, end in zip(runs.offsets[:-1].tolist(), runs.offsets[1:].tolist(), strict=True):
        history = [len(runs.choices)] * length + runs.labels[first:end].tolist()
        found += [tuple(history[place : place + length]) for place in range(end - first)]
    return found


def _neighbours(
    training: Steps, others: Mapping[str, Steps], scaler: StandardScaler, params: LogEvaluationParams
) -> dict[str, Predictions]:
    """Shares of the choices among the nearest training steps, by cosine of scaled features."""
    most = min(max(params.neighbours), len(training.runs.labels))
    search = NearestNeighbors(n_neighbors=most, metric="cosine").fit(scaler.transform(training.features))
    near = {
        name: search.kneighbors(scaler.transform(each.features), return_distance=False) for name, each in others.items()
    }
    votes = np.eye(len(training.runs.choices), dtype=np.float32)[training.runs.labels]
    tried = [
        {name: Predictions(np.log(votes[places[:, :count]].mean(axis=1) + UNSEEN)) for name, places in near.items()}
        for count in params.neighbours
    ]
    return _best(tried, others["validation"].runs)


def _logistic(
    training: Steps, others: Mapping[str, Steps], scaler: StandardScaler, params: LogEvaluationParams
) -> dict[str, Predictions]:
    """Multinomial logistic regression on scaled features, with that of success."""
    tried = []
    for strength in params.regularisation:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS)
        model.fit(scaler.transform(training.features), training.runs.labels)
        tried.append({name: Predictions(_logits(model, scaler, each)) for name, each in others.items()})
    values = _success(training, others, params, lambda steps: scaler.transform(steps.features))
    return _with_values(_best(tried, others["validation"].runs), values)


def _logits(model: LogisticRegression, scaler: StandardScaler, steps: Steps) -> np.ndarray:
    """(N, C): choices that training never made get the least of all."""
    known = model.predict_log_proba(scaler.transform(steps.features))
    logits = np.full((len(known), len(steps.runs.choices)), known.min() - 1, np.float32)
    logits[:, model.classes_] = known
    return logits


def _best(tried: list[dict[str, Predictions]], held_out: JudgedRuns) -> dict[str, Predictions]:
    """The one that is right most often on the held-out runs, the first of equals."""
    return max(tried, key=lambda each: right_choices(each["validation"].logits, held_out).mean())


def _lengths(steps: Steps) -> np.ndarray:
    """(N, 1) decisions made so far."""
    starts = np.repeat(steps.runs.offsets[:-1], np.diff(steps.runs.offsets))
    return (np.arange(len(starts)) - starts + 1)[:, None].astype(np.float64)


def _success(
    training: Steps, others: Mapping[str, Steps], params: LogEvaluationParams, features: Callable[[Steps], np.ndarray]
) -> dict[str, np.ndarray] | None:
    """Chance of success (N,) at each step by logistic regression; None where all training runs ended alike."""
    outcomes, known = _outcomes(training.runs)
    if len(np.unique(outcomes[known])) < 2:
        return None
    expected, held_out_known = _outcomes(others["validation"].runs)
    tried = []
    for strength in params.regularisation:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(features(training)[known], outcomes[known])
        chances = {name: model.predict_proba(features(each))[:, 1].astype(np.float32) for name, each in others.items()}
        apart = np.square(chances["validation"] - expected)[held_out_known]
        tried.append((float(apart.mean()) if len(apart) else 0.0, chances))
    return min(tried, key=lambda each: each[0])[1]


def _outcomes(runs: JudgedRuns) -> tuple[np.ndarray, np.ndarray]:
    """The outcome of each step's run, (N,), and whether it is known to be a success or a failure."""
    outcomes = np.repeat(runs.outcomes, np.diff(runs.offsets))
    return outcomes, np.isin(outcomes, (0.0, 1.0))


def _with_values(found: dict[str, Predictions], values: dict[str, np.ndarray] | None) -> dict[str, Predictions]:
    return found if values is None else {name: Predictions(each.logits, values[name]) for name, each in found.items()}
