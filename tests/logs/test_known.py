"""What a record says of its run, under the names that logs have for it."""

from collections import Counter

import pytest

from understudy.logs.known import NO_NUMBER, known_fields


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ({"outcome": "success", "reward": 0.5}, 1.0),
        ({"outcome": "resolved", "reward": 0.5}, 0.5),
        ({"outcome": None, "metadata": {"score": 2}}, 2.0),
        ({"success": "False"}, 0.0),
        ({"success": " TRUE "}, 1.0),
        ({"outcome": "failure", "success": True}, 0.0),
        ({"outcome": False}, 0.0),
        ({"outcome": "resolved", "score": []}, None),
        ({"outcome": "0.5"}, None),
        ({}, None),
    ],
)
def test_the_outcome_is_the_first_that_is_one(record, outcome):
    notes: Counter[str] = Counter()
    assert known_fields(record, notes)["outcome"] == outcome
    assert notes[NO_NUMBER] == (outcome is None and bool(record))
