"""Grades as numbers, and the score that counts."""

import copy

import pytest

from tests.logs.samples import INSPECT
from understudy.logs.formats.inspect import read
from understudy.logs.known import NO_NUMBER


@pytest.mark.parametrize(
    ("value", "outcome"),
    [("C", 1.0), ("P", 0.5), ("I", 0.0), ("N", 0.0), (0.3, 0.3), (True, 1.0), ("?", None), ({}, None)],
)
def test_the_first_score_is_the_outcome(value, outcome):
    content = copy.deepcopy(INSPECT)
    content["samples"][0]["scores"]["match"]["value"] = value
    [run] = read(content)
    assert run.outcome == outcome
    assert run.notes[NO_NUMBER] == (outcome is None)
    assert run.metadata["scores"] == {"match": value, "style": 0.2}


def test_a_sample_without_scores_has_no_outcome():
    content = copy.deepcopy(INSPECT)
    del content["samples"][0]["scores"]
    [run] = read(content)
    assert (run.outcome, run.notes[NO_NUMBER]) == (None, 0)
