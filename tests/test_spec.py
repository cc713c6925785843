"""The spec of an environment; expected numbers are worked out by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, SPECS, VECTORS, refused
from understudy.spec import EnvironmentSpec


def test_choices_have_one_output_a_choice():
    assert (CHOICES.discrete_actions, CHOICES.action_dim, CHOICES.state_dim) == (True, 3, 3)


def test_vectors_have_one_output_an_entry():
    assert (VECTORS.discrete_actions, VECTORS.action_dim, VECTORS.state_dim) == (False, 2, 3)


def test_neither_choices_nor_bounds_are_refused():
    with refused(ValueError, "expected either num_actions or action bounds", "None and None"):
        replace(CHOICES, num_actions=None)


def test_both_choices_and_bounds_are_refused():
    with refused(ValueError, "expected either num_actions or action bounds", "3 and (-1.0, -2.0)"):
        replace(VECTORS, num_actions=3)


def test_choices_agree_where_they_are_equal():
    got = CHOICES.agree(np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1]))
    assert got.tolist() == [True, False, True, False]


def test_vectors_agree_within_a_tenth_of_the_range_in_every_entry():
    # The ranges are 2 and 2.5, so entries may be 0.2 and 0.25 apart.
    others = np.array([[0.0, 0.0]] * 5)
    actions = np.array([[0.19, 0.24], [-0.19, -0.24], [0.21, 0.0], [0.0, 0.26], [0.0, 0.0]])
    assert VECTORS.agree(actions, others).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_survives_json(spec):
    assert EnvironmentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_the_environment_s_arguments_survive_json():
    spec = replace(CHOICES, kwargs={"gravity": -9.5, "layout": [1, 2], "name": "moon", "wind": {"power": None}})
    assert EnvironmentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize("field", ["num_actions", "environment_id", "components"])
def test_a_missing_field_is_refused(field):
    fields = {key: value for key, value in CHOICES.to_json().items() if key != field}
    with pytest.raises(TypeError, match=field):
        EnvironmentSpec.from_json(fields)


def test_a_spec_cannot_be_changed():
    with pytest.raises(AttributeError):
        CHOICES.num_actions = 4
