"""The training's section."""

import pytest

from tests.builders import parameters_text, refused
from tests.params.test_load import load_text
from understudy.errors import ParameterError
from understudy.params.training import TrainingParams


def load_seeds(folder, seeds: str) -> list[int]:
    return load_text(folder, parameters_text({"training.seeds": seeds}), {"training": TrainingParams})["training"].seeds


def test_seeds_stay_in_their_order(tmp_path):
    assert load_seeds(tmp_path, "[4, 0, 2]") == [4, 0, 2]


@pytest.mark.parametrize(
    ("seeds", "sentence"),
    [
        ("[]", "training.seeds: expected at least 1 item, got []"),
        ("0", "training.seeds: expected a valid list, got 0"),
        ("[0, 1, 0]", "training.seeds: expected different seeds, got [0, 1, 0]"),
        ("[0, 1.0]", "training.seeds.1: expected a valid integer, got 1.0"),
    ],
)
def test_seeds_that_are_none_are_refused(tmp_path, seeds, sentence):
    with refused(ParameterError, sentence):
        load_seeds(tmp_path, seeds)
