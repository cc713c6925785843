"""Which parameters there are to search, what they are now, and a block with others."""

import pytest

from tests.builders import PARAMETERS, refused
from tests.search.projects import BLOCK
from understudy.errors import ParameterError
from understudy.params.policies import PoliciesParams
from understudy.params.search import SearchParams
from understudy.params.training import TrainingParams
from understudy.search.space import first_values, full_key, with_values, without_values

TRAINING = TrainingParams(**PARAMETERS["training"])
POLICIES = PoliciesParams(
    PARAMETERS["policies"]
    | {"own": PARAMETERS["policies"]["decoder"] | {"training": {"learning_rate": 0.5}, "play": {"variants": {}}}}
)
DECODER, OWN = POLICIES.named("decoder"), POLICIES.named("own")


def search(space, **changes):
    return SearchParams(**(BLOCK | {"space": space} | changes))


def test_the_first_values_are_those_of_params_yaml():
    space = search(
        {
            "training.learning_rate": {"low": 1e-4, "high": 1.0},
            "model.context": {"low": 1, "high": 64},
            "best_returns": {"choices": [None, 0.5]},
        }
    )
    values = {"training.learning_rate": 0.001, "model.context": 20, "best_returns": None}
    assert first_values(space, "decoder", DECODER, TRAINING) == values
    assert first_values(space, "own", OWN, TRAINING) == values | {"training.learning_rate": 0.5}


@pytest.mark.parametrize(
    "key", ["model.contxt", "training.seeds", "training.threads", "play.variants", "sequences.hide", "context"]
)
def test_a_key_that_names_no_parameter_of_the_policy_is_a_sentence(key):
    says = f"search.yaml: own.space.{key}: expected one of policies.own's model.embed_dim, "
    with refused(ParameterError, says, ", training.steps, ", "best_returns, got an unknown one"):
        first_values(search({key: {"low": 1, "high": 2}}), "own", OWN, TRAINING)


def test_a_range_without_the_present_value_is_a_sentence():
    with refused(ParameterError, "search.yaml: decoder.space.model.context: expected a range that holds 20, the value"):
        first_values(search({"model.context": {"low": 1, "high": 16}}), "decoder", DECODER, TRAINING)


def test_play_is_searched_by_returns_alone():
    policy = DECODER.model_copy(update={"play": {"width": 2}})
    space = {"play.width": {"low": 1, "high": 3}}
    assert first_values(search(space), "decoder", policy, TRAINING) == {"play.width": 2}
    with refused(ParameterError, "decoder.space.play.width: expected the objective return", "got validation_loss"):
        first_values(search(space, objective="validation_loss"), "decoder", policy, TRAINING)


def test_values_go_into_the_policy_s_own_block():
    values = {"training.learning_rate": 0.1, "model.context": 7, "best_returns": 0.5}
    changed = with_values(DECODER, values)
    assert (changed.training, changed.model["context"], changed.best_returns) == ({"learning_rate": 0.1}, 7, 0.5)
    assert (DECODER.training, DECODER.model["context"], DECODER.best_returns) == ({}, 20, None)


def test_what_is_not_searched_does_not_hold_what_is():
    space = search({key: {"low": 1, "high": 2} for key in ("training.learning_rate", "model.context", "best_returns")})
    left = [without_values(policy, TRAINING, space) for policy in (DECODER, with_values(OWN, {"model.context": 3}))]
    assert (
        left[0]["training"]
        == left[1]["training"]
        == {key: value for key, value in PARAMETERS["training"].items() if key not in ("seeds", "learning_rate")}
    )
    assert "context" not in left[0]["policy"]["model"]
    assert left[0]["policy"] == left[1]["policy"] | {"play": {}}
    assert "best_returns" not in left[0]["policy"]


def test_the_full_key_is_that_of_params_yaml():
    assert [full_key(key, "own") for key in ("model.context", "best_returns", "options.count")] == [
        "policies.own.model.context",
        "policies.own.best_returns",
        "options.count",
    ]
