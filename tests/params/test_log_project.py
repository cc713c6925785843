"""params.yaml of projects that learn from logs."""

import pytest

from tests.builders import PARAMETERS_FILE, refused
from tests.logs.learned import PARAMS
from understudy.errors import ParameterError
from understudy.params.log_project import LogProject
from understudy.params.project import load_project
from understudy.params.whole import Params


def loaded(folder, text):
    (folder / "params.yaml").write_text(text)
    return load_project(folder / "params.yaml")


def test_the_section_of_logs_tells_which_kind_it_is(tmp_path):
    assert isinstance(loaded(tmp_path, PARAMS), LogProject)
    assert isinstance(load_project(PARAMETERS_FILE), Params)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((", split_by: group", ""), "sequences.split_by: expected task or group"),
        (("test_tasks: 0.3", "test_tasks: 1.0"), "runs.test_tasks"),
        (("[user, tools, opening, said]", "[user, weather]"), "decisions.observes.1: expected 'user'"),
        (("[user, tools, opening, said]", "[]"), "decisions.observes"),
        (("predicts: choice", "predicts: weather"), "decisions.predicts: expected 'choice'"),
        (("predicts: choice, ", ""), "decisions.predicts: expected a value, got none"),
        (("embedder: tfidf", "embedder: hub"), "hub: expected its settings, got none"),
        (("precision: 0.9", "precision: 1.9"), "log_evaluation.precision"),
        (("regularisation: [0.01, 0.1]", "regularisation: [0.0]"), "log_evaluation.regularisation.0"),
        (("logs: {paths: [logs], format: auto", "environment: {}\nlogs: {paths: [logs], format: auto"), "environment"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path, change, says):
    assert change[0] in PARAMS
    with refused(ParameterError, "params.yaml: ", says):
        loaded(tmp_path, PARAMS.replace(*change))
