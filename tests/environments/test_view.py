"""Observation views: what a student sees, by name, in the original order."""

import numpy as np
import pytest
from understudy.environments.view import ObservationView

from understudy.errors import ParameterError

COMPONENTS = ("x", "y", "vx", "vy")
OBSERVATIONS = np.asarray([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)


def test_nothing_hidden_changes_nothing():
    view = ObservationView(COMPONENTS, ())
    assert view.visible == COMPONENTS
    assert view.apply(OBSERVATIONS).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


@pytest.mark.parametrize("hidden", [("vx", "y"), ("y", "vx"), ("y", "vx", "y")])
def test_hidden_components_go_and_the_others_keep_their_order(hidden):
    view = ObservationView(COMPONENTS, hidden)
    assert view.visible == ("x", "vy")
    assert view.apply(OBSERVATIONS).tolist() == [[1, 4], [5, 8]]


def test_any_leading_shape_is_taken():
    view = ObservationView(COMPONENTS, ("x",))
    assert view.apply(OBSERVATIONS[0]).tolist() == [2, 3, 4]
    assert view.apply(OBSERVATIONS.reshape(2, 1, 4)).tolist() == [[[2, 3, 4]], [[6, 7, 8]]]


def test_an_unknown_component_is_named():
    with pytest.raises(ParameterError, match=r"^sequences\.hide: expected components among x, y, vx, vy, got 'speed'$"):
        ObservationView(COMPONENTS, ("vx", "speed"))


@pytest.mark.parametrize("hidden", [COMPONENTS, COMPONENTS[::-1], (*COMPONENTS, "x")])
def test_something_must_stay_visible(hidden):
    with pytest.raises(ParameterError, match=r"^sequences\.hide: expected at least one component to stay visible"):
        ObservationView(COMPONENTS, hidden)
