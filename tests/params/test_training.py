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


def load_training(folder) -> TrainingParams:
    return load_text(folder, parameters_text({}), {"training": TrainingParams})["training"]


def test_a_policy_s_own_values_take_the_place_of_those_of_all(tmp_path):
    shared = load_training(tmp_path)
    own = shared.of_policy({"steps": 7, "learning_rate": 0.5}, "policies.p.training")
    assert own == shared.model_copy(update={"steps": 7, "learning_rate": 0.5})
    assert shared.of_policy({}, "policies.p.training") == shared


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"steps": 0}, "policies.p.training.steps: expected greater than or equal to 1, got 0"),
        ({"step": 3}, "policies.p.training.step: expected one of the keys"),
        ({"seeds": [1]}, "policies.p.training.seeds: expected none, since it is that of all policies, got [1]"),
        ({"threads": 1}, "policies.p.training.threads: expected none, since it is that of all policies, got 1"),
    ],
)
def test_own_values_that_cannot_be_are_refused(tmp_path, own, sentence):
    with refused(ParameterError, sentence):
        load_training(tmp_path).of_policy(own, "policies.p.training")
