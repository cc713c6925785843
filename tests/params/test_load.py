"""Sections of params.yaml: those that are asked for are read, and a file that holds none is refused in one sentence."""

import pytest

from tests.builders import PARAMETERS, PARAMETERS_FILE, parameters_text, refused
from understudy.errors import ParameterError
from understudy.params.compute import ComputeParams
from understudy.params.load import load_sections
from understudy.params.training import TrainingParams

SECTIONS = {"compute": ComputeParams, "training": TrainingParams}


def load_text(folder, text: str, sections=SECTIONS) -> dict:
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return load_sections(folder / "params.yaml", sections)


def test_the_sections_come_by_name():
    loaded = load_sections(PARAMETERS_FILE, SECTIONS)
    assert {name: type(section) for name, section in loaded.items()} == SECTIONS
    assert loaded["training"].model_dump() == PARAMETERS["training"]


def test_the_other_sections_are_not_looked_at(tmp_path):
    changes = {"rollouts": "nonsense", "expert.algorithm": "dqn", "policies": "{}", "colour": "red"}
    assert load_text(tmp_path, parameters_text(changes)) == load_sections(PARAMETERS_FILE, SECTIONS)


def test_a_mistake_in_one_of_them_is_one_sentence_with_file_and_key(tmp_path):
    with refused(ParameterError, f"{tmp_path / 'params.yaml'}: training.steps: expected a valid integer, got 'all'"):
        load_text(tmp_path, parameters_text({"training.steps": "all", "rollouts": "nonsense"}))


def test_an_unknown_key_in_one_of_them_is_refused(tmp_path):
    with refused(ParameterError, "compute.worker: expected one of the keys device, workers", "did you mean workers?"):
        load_text(tmp_path, parameters_text({"compute.worker": "2"}))


def test_a_missing_one_is_named(tmp_path):
    content = {key: value for key, value in PARAMETERS.items() if key != "training"}
    with refused(ParameterError, f"{tmp_path / 'params.yaml'}: training: expected a value, got none"):
        load_text(tmp_path, parameters_text({}, content))


@pytest.mark.parametrize(("text", "number"), [("1e-4", 1e-4), ("3e-05", 3e-5), ("1.0e-3", 1e-3), ("1", 1.0)])
def test_numbers_with_an_exponent_are_floats(tmp_path, text, number):
    learning_rate = load_text(tmp_path, parameters_text({"training.learning_rate": text}))["training"].learning_rate
    assert type(learning_rate) is float
    assert learning_rate == number


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["expected sections", "got NoneType"]),
        ("# nothing but a comment\n", ["expected sections", "got NoneType"]),
        ("- environment\n- expert\n", ["expected sections", "got list"]),
        ("LunarLander-v3\n", ["expected sections", "got str"]),
        ("compute:\n  workers: 1\n  workers: 2\n", ["expected YAML", 'duplicate key "workers"', "line 3"]),
        ("compute: [1\n", ["expected YAML", "line 2"]),
        ("compute:\n\tworkers: 1\n", ["expected YAML", "line 2"]),
        ("a: 1\n---\nb: 2\n", ["expected YAML", "another document"]),
        ("a: *b\n", ["expected YAML", "undefined alias"]),
        ("a: !!python/object/apply:os.getcwd []\n", ["expected YAML", "python/object"]),
        ("a: 2001-99-99\n", ["expected YAML"]),
        ("a: " + "9" * 5000, ["expected YAML"]),
        ("a: " + "[" * 5000, ["expected YAML"]),
    ],
)
def test_a_file_that_holds_no_parameters_is_one_sentence(tmp_path, text, parts):
    with refused(ParameterError, str(tmp_path / "params.yaml"), *parts):
        load_text(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bytes(range(128, 256)), "expected readable UTF-8 text"),
        (b"\xff\xfe", "expected readable UTF-8 text"),
        (b"\x1f\x8b\x08" * 40, "expected readable UTF-8 text"),
        (b"\x00\x01\x02", "expected YAML"),
    ],
)
def test_binary_garbage_is_one_sentence(tmp_path, content, expected):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with refused(ParameterError, str(path), expected):
        load_sections(path, SECTIONS)


def test_a_missing_file_is_one_sentence(tmp_path):
    with refused(ParameterError, str(tmp_path / "none.yaml"), "found none"):
        load_sections(tmp_path / "none.yaml", SECTIONS)


def test_a_folder_is_one_sentence(tmp_path):
    with refused(ParameterError, str(tmp_path), "expected readable UTF-8 text"):
        load_sections(tmp_path, SECTIONS)
