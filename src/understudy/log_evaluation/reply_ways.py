"""Ways to find the next reply, judged: by words, by a linear map, by policies, and by each of these with the words.

Split         -- the replies of some runs, and what is known before them
Searches(...) -- of one project: `judge(predicted)`, `linear()`

M replies, K candidates, S observation components, D numbers a text's vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from understudy.embeddings.words import WordIndex
from understudy.evaluation.statistics import Interval
from understudy.log_evaluation.calibration import calibration_error, probabilities, threshold_for
from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.retrieval import draw_candidates, fit_weights, ranks
from understudy.logs.replies import NOTHING, Replies
from understudy.params.log_evaluation import LogEvaluationParams

STRENGTH = 100.0  # of the ridge, whose features are scaled
JUDGED = ("validation", "test")
Predicted = Mapping[str, np.ndarray]  # vectors (M, D) of "validation" and "test"


@dataclass(frozen=True)
class Split:
    """Replies of some runs: observations (M, S) before them, and the task (M,) int64 that each is of."""

    replies: Replies
    observations: np.ndarray
    tasks: np.ndarray


@dataclass(frozen=True)
class Found:
    """What a way finds.

    Attributes:
        weights: of the predicted vector and of the words in the logits; fitted to the held-out runs where there are both.
        threshold: of the first one's probability, above which it is right often enough on the held-out runs; None for none.
        ranks: (M,) of the test's replies.
        numbers: JSON-ready.
    """

    weights: tuple[float, float]
    threshold: float | None
    ranks: np.ndarray
    numbers: dict[str, Any]


class Searches:
    """The candidates of a project's replies, and how like their words are to what was heard.

    Args:
        splits: "train", "validation" and "test".
        vectors: (texts, D).
        contents: of the texts by number.
        params: the seed is that of the candidates, too.
    """

    def __init__(
        self, splits: Mapping[str, Split], vectors: np.ndarray, contents: Sequence[str], params: LogEvaluationParams
    ) -> None:
        self.splits, self.vectors, self.params = splits, vectors, params
        training = splits["train"].replies
        known = np.unique(np.concatenate([training.said, training.heard[training.heard != NOTHING]]))
        self.words = WordIndex.fit([contents[number] for number in known])
        self.candidates = {name: draw_candidates(splits[name].replies.said, params.seed) for name in JUDGED}
        weighed = self.words.vectors(contents)
        self._by_words = {name: self._words_alike(weighed, name) for name in JUDGED}
        self._bootstrap = TaskBootstrap(splits["test"].tasks, params.resamples, params.confidence, params.seed)

    def _words_alike(self, weighed: Any, name: str) -> np.ndarray:
        """Cosines (M, K) of the candidates' words and those that were heard; 0 where nothing was."""
        replies, alike = self.splits[name].replies, np.zeros(self.candidates[name].shape, np.float32)
        for place, heard in enumerate(replies.heard.tolist()):
            if heard != NOTHING:
                alike[place] = (weighed[self.candidates[name][place]] @ weighed[heard].T).toarray()[:, 0]
        return alike

    def linear(self) -> Predicted:
        """Each reply's vector by a ridge from the observation, learned from the training runs."""
        training = self.splits["train"]
        scaler = StandardScaler().fit(training.observations)
        ridge = Ridge(alpha=STRENGTH)
        ridge.fit(scaler.transform(training.observations), self.vectors[training.replies.said])
        return {name: ridge.predict(scaler.transform(self.splits[name].observations)) for name in JUDGED}

    def judge(self, predicted: Predicted | None, with_words: bool) -> Found:
        """How often the test's replies are found by predicted vectors, by words, or by both; `predicted` None for words alone."""
        by_vectors = None
        if predicted is not None:
            by_vectors = {
                name: np.einsum("md,mkd->mk", predicted[name], self.vectors[self.candidates[name]]) for name in JUDGED
            }
        used = [each for each in (by_vectors, self._by_words if with_words else None) if each is not None]
        fitted = fit_weights([each["validation"] for each in used]).tolist()
        logits = {name: sum(weight * each[name] for weight, each in zip(fitted, used, strict=True)) for name in JUDGED}
        weights = (fitted[0] if by_vectors is not None else 0.0, fitted[-1] if with_words else 0.0)
        held, test = (np.asarray(logits[name]) for name in JUDGED)
        confidence = probabilities(held, 1.0).max(axis=1)
        threshold = threshold_for(confidence, ranks(held) < 2, self.params.precision)
        return Found(weights, threshold, ranks(test), self._numbers(test, held, threshold))

    def _numbers(self, test: np.ndarray, held: np.ndarray, threshold: float | None) -> dict[str, Any]:
        places, confidence = ranks(test), probabilities(test, 1.0).max(axis=1)
        right = places < 2
        acts = np.zeros_like(right) if threshold is None else confidence >= threshold
        return {
            "replies": len(places),
            "r_at_1": float(right.mean()),
            "r_at_5": float((places < 6).mean()),
            "mrr": float((1 / places).mean()),
            "validation_mrr": float((1 / ranks(held)).mean()),
            "coverage": float(acts.mean()),
            "coverage_precision": float(right[acts].mean()) if acts.any() else None,
            "calibration_error": calibration_error(confidence, right),
        }

    def interval(self, found: Sequence[Found]) -> Interval:
        """Of R@1, over tasks and training seeds."""
        right = np.stack([each.ranks < 2 for each in found])
        return self._bootstrap.share(right, np.ones(right.shape[1], bool))

    def difference(self, found: Sequence[Found], other: Sequence[Found]) -> Interval:
        """Of the difference of R@1 from that of `other`, on the same draws of tasks."""
        right, others = (np.stack([each.ranks < 2 for each in ways]) for ways in (found, other))
        return self._bootstrap.difference(right, others, np.ones(right.shape[1], bool))
