"""The students' blocks: what belongs to the constructor, and what to play."""

import pytest

from tests.builders import PARAMETERS, parameters_text, refused
from tests.params.test_load import load_text
from understudy.errors import ParameterError
from understudy.params.policies import PoliciesParams

BLOCK = "{family: mlp, model: {}, play: {}, best_returns: null, training: {}}"


def load_policies(folder, changes: dict[str, str]) -> PoliciesParams:
    return load_text(folder, parameters_text(changes), {"policies": PoliciesParams})["policies"]


def test_policies_come_in_their_order(tmp_path):
    policies = load_policies(tmp_path, {"policies.a": BLOCK})
    assert policies.names == [name for name, _ in policies.items()] == [*PARAMETERS["policies"], "a"]


def test_a_block_has_what_a_constructor_and_what_play_needs(tmp_path):
    block = "{family: mlp, model: {hidden_dim: 8, num_layers: 1}, play: {target: 3.0}, best_returns: 0.5, training: {steps: 7}}"
    policy = load_policies(tmp_path, {"policies.small": block}).named("small")
    assert policy.model_dump() == {
        "family": "mlp",
        "model": {"hidden_dim": 8, "num_layers": 1},
        "play": {"target": 3.0},
        "best_returns": 0.5,
        "training": {"steps": 7},
    }


def test_a_policy_that_is_not_there_is_refused(tmp_path):
    with refused(ParameterError, "--policy: expected one of", *PARAMETERS["policies"], "got 'mpl'"):
        load_policies(tmp_path, {}).named("mpl")


@pytest.mark.parametrize("name", ["a", "b2", "long_name_3"])
def test_names_of_lower_case_letters_digits_and_underscores_are_good(tmp_path, name):
    assert load_policies(tmp_path, {f"policies.{name}": BLOCK}).named(name).family == "mlp"


@pytest.mark.parametrize("name", ["expert", "random", "differences", "a/b", "A", "2a", "_a", "a-b", "", "a b"])
def test_another_name_is_refused(tmp_path, name):
    with refused(ParameterError, f"policies.{name}: expected a name of a-z, 0-9 and _", f"got {name!r}"):
        load_policies(tmp_path, {f"policies.{name}": BLOCK})


@pytest.mark.parametrize("family", ["mpl", "expert", "scripted", "registry", "family", "", "../mlp"])
def test_another_family_than_one_that_learns_is_refused(tmp_path, family):
    families = "action_transformer, decision_transformer, generalist, hierarchical, language_bc, language_q, mlp"
    others = "multi_agent, q_transformer, rvs, trajectory_transformer"
    sentence = f"policies.p.family: expected one of {families}, {others}, got {family!r}"
    with refused(ParameterError, sentence):
        load_policies(
            tmp_path,
            {"policies.p": f"{{family: {family!r}, model: {{}}, play: {{}}, best_returns: null, training: {{}}}}"},
        )


@pytest.mark.parametrize("missing", ["family", "model", "play", "best_returns", "training"])
def test_every_key_is_needed(tmp_path, missing):
    keys = {"family": "mlp", "model": "{}", "play": "{}", "best_returns": "null", "training": "{}"}
    block = ", ".join(f"{key}: {value}" for key, value in keys.items() if key != missing)
    with refused(ParameterError, f"policies.p.{missing}: expected a value, got none"):
        load_policies(tmp_path, {"policies.p": f"{{{block}}}"})


def test_a_constructor_s_key_beside_model_is_refused(tmp_path):
    """As such a block was written before `model` and `play` were told apart."""
    with refused(
        ParameterError,
        "policies.mlp.hidden_dim: expected one of the keys best_returns, demonstrations, family,",
        "got an unknown one",
    ):
        load_policies(tmp_path, {"policies.mlp.hidden_dim": "8"})


def test_a_key_that_is_no_text_is_refused(tmp_path):
    with refused(ParameterError, "policies.p.model.3"):
        load_policies(
            tmp_path, {"policies.p": "{family: mlp, model: {3: 4}, play: {}, best_returns: null, training: {}}"}
        )


def test_further_ways_to_play_differ_from_the_plain_one_in_what_they_say(tmp_path):
    play = "{horizon: 2, width: 3, variants: {wide: {width: 9}, plain: {}}}"
    block = f"{{family: mlp, model: {{}}, play: {play}, best_returns: null, training: {{}}}}"
    policies = load_policies(tmp_path, {"policies.p": block})
    assert policies.named("p").plain_play == {"horizon": 2, "width": 3}
    assert policies.named("p").play_variants == {
        "wide": {"horizon": 2, "width": 9},
        "plain": {"horizon": 2, "width": 3},
    }
    assert policies.ways == [*PARAMETERS["policies"], "p", "p/wide", "p/plain"]


@pytest.mark.parametrize(
    ("variants", "sentence"),
    [
        ("3", "play.variants: expected settings by name, got 3"),
        ("{a: 3}", "play.variants: expected settings by name, got {'a': 3}"),
        ("{a/b: {}}", "play.variants: expected names of a-z, 0-9 and _, got 'a/b'"),
        ("{3: {}}", "play.variants: expected names of a-z, 0-9 and _, got 3"),
    ],
)
def test_other_variants_are_refused(tmp_path, variants, sentence):
    block = f"{{family: mlp, model: {{}}, play: {{variants: {variants}}}, best_returns: null, training: {{}}}}"
    with refused(ParameterError, sentence):
        load_policies(tmp_path, {"policies.p": block})


def test_what_a_policy_starts_from_is_one_of_its_data(tmp_path):
    start = "starts_from: ../other/models/mlp, starts_as: Toy-v0, demonstrations: 0"
    policies = load_policies(tmp_path, {"policies.p": f"{BLOCK[:-1]}, {start}}}"})
    expected = {"starts_from": "../other/models/mlp", "starts_as": "Toy-v0", "demonstrations": 0}
    assert policies.of_data == {"p": expected}
    assert policies.named("mlp").of_data == {}
    policies.named("mlp").check_plain("policies.mlp")
    with refused(ParameterError, "x.starts_from: expected none, since train_policy alone follows it, got '../other"):
        policies.named("p").check_plain("x")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("starts_as: Toy-v0", "starts_as: expected none without starts_from, got 'Toy-v0'"),
        ("demonstrations: 0", "demonstrations: expected at least 1 without starts_from, got 0"),
        (
            "starts_from: a, demonstrations: -1",
            "policies.p.demonstrations: expected greater than or equal to 0, got -1",
        ),
        ("starts_from: ''", "policies.p.starts_from: expected"),
    ],
)
def test_other_starts_are_refused(tmp_path, keys, sentence):
    with refused(ParameterError, sentence):
        load_policies(tmp_path, {"policies.p": f"{BLOCK[:-1]}, {keys}}}"})
