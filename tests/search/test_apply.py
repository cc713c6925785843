"""Values into params.yaml: comments stay, and nothing else becomes another."""

import pytest

from tests.builders import PARAMETERS, PARAMETERS_FILE, refused
from understudy.errors import ParameterError
from understudy.params.load import read_yaml
from understudy.search.apply import apply_values, flat

ANCHORED = """\
policies:
  one: &one
    model: {width: 1}
    training: {}
  two:
    <<: *one
    training: {}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMETERS_FILE.read_text())
    return tmp_path / "params.yaml"


def other_lines(file):
    """Lines that are not those of the committed file, with what they were."""
    lines = zip(PARAMETERS_FILE.read_text().splitlines(), file.read_text().splitlines(), strict=True)
    return [(before.strip(), after.strip()) for before, after in lines if before != after]


def test_only_the_lines_of_the_values_change_and_comments_stay(file):
    values = {"model.context": 33, "model.action_dropout": 0.2, "best_returns": None, "training.learning_rate": 1e-05}
    changed = apply_values(file, "decoder", values)
    assert changed == ["policies.decoder.model.context", "policies.decoder.training.learning_rate"]
    (before, after), training = other_lines(file)
    assert before.startswith("context: 20 ") and after == before.replace("20", "33", 1)
    assert training == ("training: {}", "training: {learning_rate: 1.0e-05}")
    assert apply_values(file, "decoder", values) == []


def test_a_value_that_holds_already_is_not_written(file):
    """The first trial is the setting of params.yaml, and may be the best one."""
    assert apply_values(file, "decoder", {"training.learning_rate": 0.001, "model.context": 20}) == []
    assert other_lines(file) == []


def test_every_kind_of_value_is_read_back_as_it_was(file):
    values = {"x": 0.1 + 0.2, "y": 3, "z": True, "a": "auto", "b": None, "c": 1.234e-17}
    apply_values(file, "mlp", {f"training.{name}": value for name, value in values.items()})
    assert read_yaml(file)["policies"]["mlp"]["training"] == PARAMETERS["policies"]["mlp"]["training"] | values


def test_a_key_of_an_earlier_stage_is_set_where_it_stands(file):
    assert apply_values(file, "mlp", {"sequences.demonstrations": 10}) == ["sequences.demonstrations"]
    assert [after.split()[:2] for _, after in other_lines(file)] == [["demonstrations:", "10"]]


def test_a_block_that_another_policy_shares_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(ANCHORED)
    assert apply_values(path, "two", {"training.rate": 0.5}) == ["policies.two.training.rate"]
    assert path.read_text() == ANCHORED[:-3] + "{rate: 0.5}\n"
    with refused(
        ParameterError,
        "policies.one.model.width: expected a value of its own, got one that is shared with policies.two",
    ):
        apply_values(path, "two", {"model.width": 2})
    assert "width: 1" in path.read_text()


def test_flat_leaves_empty_mappings_as_values():
    assert flat({"a": {"b": 1, "c": {}}, "d": [1]}) == [("a.b", 1), ("a.c", {}), ("d", [1])]
