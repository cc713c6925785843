"""Temperature, threshold and calibration error on numbers whose answers are known."""

import numpy as np
import pytest

from understudy.log_evaluation.calibration import calibration_error, fit_temperature, probabilities, threshold_for


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_scale(factor):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20000, 4)).astype(np.float32)
    labels = np.array([generator.choice(4, p=row) for row in probabilities(logits, 1.0)])
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.05)


def test_probabilities_are_those_of_scaled_logits():
    found = probabilities(np.log(np.array([[1.0, 4.0]])), 2.0)
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3]], rtol=1e-6)


@pytest.mark.parametrize(("precision", "expected"), [(1.0, 0.9), (0.75, 0.6), (0.6, 0.5), (0.0, 0.4)])
def test_the_threshold_is_the_least_from_which_enough_is_right(precision, expected):
    confidence = np.array([0.5, 0.9, 0.6, 0.8, 0.95, 0.4])
    right = np.array([False, True, True, False, True, False])
    assert threshold_for(confidence, right, precision) == expected


def test_steps_of_equal_confidence_are_above_a_threshold_together():
    assert threshold_for(np.array([0.9, 0.9, 0.8]), np.array([True, False, True]), 0.9) is None
    assert threshold_for(np.array([0.9, 0.9]), np.array([True, True]), 0.9) == 0.9


def test_calibration_error_is_the_weighted_gap():
    confidence, right = np.array([0.95, 0.95, 0.25, 0.25]), np.array([True, True, True, False])
    assert calibration_error(confidence, right) == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
