"""search.yaml: what may stand there, and a sentence for what may not."""

import copy

import pytest
from ruamel.yaml import YAML

from tests.builders import refused
from tests.imports import ROOT
from tests.search.projects import BLOCK, write_search
from understudy.errors import ParameterError
from understudy.params.search import ParameterRange, load_search

RATE = "space.training.learning_rate"


def changed(key, value):
    """The toy's block with another value at a path."""
    block = copy.deepcopy(BLOCK)
    *path, name = key
    place = block
    for part in path:
        place = place[part]
    place[name] = value
    return block


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (["sampler"], "cmaes", "sampler: expected 'tpe' or 'gp', got 'cmaes'"),
        (["objective"], "score", "objective: expected 'return' or 'validation_loss', got 'score'"),
        (["trials"], 0, "trials: expected greater than or equal to 1, got 0"),
        (["space"], {}, "space: expected at least 1 item, got {}"),
        (["development"], None, "development: expected episodes, whose return is the objective, got none"),
        (["trial"], 3, "did you mean trials?"),
        (["space", "x"], {"low": 2, "high": 1}, "space.x: expected low below high, got 2 and 1"),
        (["space", "x"], {"low": 1}, "space.x: expected low and high, or choices, got one end alone"),
        (["space", "x"], {}, "space.x: expected low and high, or choices, got neither"),
        (["space", "x"], {"low": 0, "high": 1, "log": True}, "space.x: expected low above 0 where log is true, got 0"),
        (["space", "x"], {"low": 1, "high": 9, "log": True, "step": 2}, "space.x: expected no step where log is true"),
        (["space", "x"], {"choices": [1, 1]}, "space.x: expected at least two choices, all different, got [1, 1]"),
        (["space", "x"], {"choices": [1, 2], "low": 1}, "space.x: expected either choices or low and high, got both"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path, key, value, says):
    YAML().dump({"mlp": changed(key, value)}, tmp_path / "search.yaml")
    with refused(ParameterError, "search.yaml: mlp.", says):
        load_search(tmp_path / "search.yaml", "mlp")


def test_a_missing_file_or_block_is_a_sentence(tmp_path):
    with refused(ParameterError, "search.yaml: expected a file with a block mlp:, found none"):
        load_search(tmp_path / "search.yaml", "mlp")
    write_search(tmp_path)
    with refused(ParameterError, "search.yaml: expected a block decoder:, got mlp"):
        load_search(tmp_path / "search.yaml", "decoder")


@pytest.mark.parametrize(
    ("parameter", "held", "not_held"),
    [
        ({"low": 1, "high": 3}, [1, 3], [0, 4, 2.0, True, None, "2"]),
        ({"low": 1, "high": 7, "step": 3}, [1, 4, 7], [2]),
        ({"low": 0, "high": 0.5}, [0, 0.25, 0.5], [0.6, False, "auto"]),
        ({"low": 0.0, "high": 0.5, "step": 0.1}, [0.3], [0.35]),
        ({"choices": [None, 1, "auto"]}, [None, 1, "auto"], [True, 2, "none"]),
    ],
)
def test_what_a_range_holds(parameter, held, not_held):
    parameter = ParameterRange(**parameter)
    assert parameter.problem() is None
    assert [value for value in held if not parameter.holds(value)] == []
    assert [value for value in not_held if parameter.holds(value)] == []


def test_the_committed_file_is_valid():
    for policy in YAML(typ="safe").load((ROOT / "search.yaml").read_text()):
        load_search(ROOT / "search.yaml", policy)
