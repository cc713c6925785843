"""What an evaluation is read from."""

import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.evaluation.read import read_held_out
from understudy.utils.jsonfile import write_json


def test_accuracies_are_read(tmp_path):
    write_json(tmp_path / "held_out.json", {"action_accuracy": 0.5, "change_accuracy": None})
    assert read_held_out(tmp_path / "held_out.json") == {"action_accuracy": 0.5, "change_accuracy": None}


@pytest.mark.parametrize("key", ["action_accuracy", "change_accuracy"])
def test_a_missing_accuracy_is_named(tmp_path, key):
    content = {"action_accuracy": 0.5, "change_accuracy": 0.25}
    del content[key]
    write_json(tmp_path / "held_out.json", content)
    with refused(DataError, f"held_out.json: expected a {key}, got none"):
        read_held_out(tmp_path / "held_out.json")
