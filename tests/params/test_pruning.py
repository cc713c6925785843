"""`pruning:` in params.yaml."""

import copy

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.builders import refused
from tests.imports import ROOT
from understudy.errors import ParameterError
from understudy.params.load import load_sections
from understudy.params.pruning import PruningParams

STUDY = ROOT / "studies/pruning/params.yaml"
SECTION = YAML(typ="safe", pure=True).load(STUDY.read_text())["pruning"]


def changed(key, value):
    section = copy.deepcopy(SECTION)
    *parents, last = key.split(".")
    inner = section
    for parent in parents:
        inner = inner[parent]
    inner[last] = value
    return section


def test_the_studys_section_is_valid_and_names_what_is_made():
    block = load_sections(STUDY, {"pruning": PruningParams})["pruning"].policies.named("decoder")
    assert list(block.sparsities.items())[:2] == [("sparsity_0", 0), ("sparsity_0.5", 0.5)]
    assert block.pruned[:3] == ["sparsity_0", "sparsity_0_finetuned", "sparsity_0.5"]
    assert block.pruned[-1] == f"{list(block.structured)[-1]}_finetuned"


@pytest.mark.parametrize("share", [1, -0.1, float("nan"), "half"])
def test_a_share_is_at_least_0_and_below_1(share):
    for key in ("policies.decoder.magnitude", "policies.decoder.structured"):
        with pytest.raises(ValidationError):
            PruningParams.model_validate(changed(key, [share] if "magnitude" in key else {"small": {"units": share}}))


def test_the_message_says_which_share_and_what_is_expected(tmp_path):
    path = tmp_path / "params.yaml"
    YAML().dump({"pruning": changed("policies.decoder.magnitude", [0.5, 1.0])}, path)
    with refused(ParameterError, "pruning.policies.decoder.magnitude.1", "1.0"):
        load_sections(path, {"pruning": PruningParams})


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("policies.mlp.structured", {"full": {"units": 0.5}}, "other than full, got 'full'"),
        ("policies.mlp.structured", {"sparsity_1": {"units": 0.5}}, "got 'sparsity_1'"),
        ("policies.mlp.structured", {"Half": {"units": 0.5}}, "got 'Half'"),
        ("policies.mlp.structured", {"half_finetuned": {"units": 0.5}}, "do not end with _finetuned or _int8, got"),
        ("policies.mlp.structured", {"half_int8": {"units": 0.5}}, "do not end with _finetuned or _int8, got"),
        ("policies.mlp.structured", {"half": {"neurons": 0.5}}, "neurons"),
        ("policies.mlp.int8", ["tiny"], "int8: expected some of full, sparsity_0"),
    ],
)
def test_names_that_are_none_are_refused(key, value, part):
    with pytest.raises(ValidationError) as caught:
        PruningParams.model_validate(changed(key, value))
    assert part in str(caught.value)


def test_a_policy_that_is_not_pruned_is_refused():
    with refused(ParameterError, "--policy: expected one of mlp, decoder, got 'hierarchical'"):
        PruningParams.model_validate(SECTION).policies.named("hierarchical")
