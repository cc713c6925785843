"""Surprise of runs by hand."""

import numpy as np
import pytest

from tests.log_evaluation.judged import LABELS, RUNS
from understudy.log_evaluation.surprise import OddStep, oddest, surprises


def chances():
    """Sure of what was done, but for steps 1 and 4, and of the step 7, at which nobody can be right."""
    found = np.full((11, 5), 0.05)
    found[np.arange(11), LABELS] = 0.8
    found[1], found[4], found[7] = [0.1, 0.0, 0.9, 0, 0], [0.5, 0, 0, 0.25, 0.25], [1, 0, 0, 0, 0]
    return found


def test_surprise_is_the_negative_logarithm_and_finite():
    found = surprises(chances(), LABELS)
    assert found[[0, 1, 4]] == pytest.approx(-np.log([0.8, 0.1, 0.25]))
    assert np.isfinite(found[7])


def test_the_oddest_steps_and_what_was_expected():
    first, second, third = oddest(chances(), RUNS, 3)
    assert first == OddStep(0, 1, "reply", "look_up", 0.1, 0.9, pytest.approx(-np.log(0.1)))
    assert (second.episode, second.decision, second.done, second.expected) == (1, 1, "cancel", "reply")
    assert (third.episode, third.decision) == (0, 0)  # of the others, all alike, the first


def test_no_more_steps_than_there_are():
    assert len(oddest(chances(), RUNS, 100)) == 10  # without the one that nobody can know
