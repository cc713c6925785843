"""Which logged choices are odd: those that a policy did not expect.

surprises(chances, labels)  -- nats of each step
OddStep, oddest(...)        -- the steps that surprise most

N steps, C choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.log_evaluation.runs import JudgedRuns

LEAST = 1e-9  # of a probability, so that one that is zero does not make a mean infinite


def surprises(chances: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log p of each logged choice (N,), under probabilities (N, C)."""
    return np.asarray(-np.log(np.maximum(chances[np.arange(len(chances)), labels], LEAST)))


@dataclass(frozen=True)
class OddStep:
    """A step of a run.

    Attributes:
        episode: number of the run among the judged ones.
        decision: which of the run's, from 0.
        done, expected: the logged choice, and the likeliest.
        chance, expected_chance: their probabilities.
        surprise: -log of the first, nats.
    """

    episode: int
    decision: int
    done: str
    expected: str
    chance: float
    expected_chance: float
    surprise: float


def oddest(chances: np.ndarray, runs: JudgedRuns, count: int) -> Sequence[OddStep]:
    """The `count` steps of the greatest surprise, of equals the earlier; choices that training never saw are left out."""
    surprise = np.where(runs.known, surprises(chances, runs.labels), -np.inf)
    order = np.argsort(-surprise, kind="stable")[: min(count, int(runs.known.sum()))]
    episodes = np.searchsorted(runs.offsets, order, side="right") - 1
    return [
        OddStep(
            episode=int(episode),
            decision=int(step - runs.offsets[episode]),
            done=runs.choices[runs.labels[step]],
            expected=runs.choices[chances[step].argmax()],
            chance=float(chances[step, runs.labels[step]]),
            expected_chance=float(chances[step].max()),
            surprise=float(surprise[step]),
        )
        for step, episode in zip(order.tolist(), episodes.tolist(), strict=True)
    ]
