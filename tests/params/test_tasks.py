"""`tasks:` in params.yaml, and the kind of project that has it."""

from pathlib import Path

import pytest

from tests.builders import refused
from tests.imports import ROOT
from understudy.errors import ParameterError
from understudy.params.load import load_sections
from understudy.params.project import load_project
from understudy.params.task_project import TaskProject
from understudy.params.tasks import TasksParams

STUDY = ROOT / "studies/generalist"


def load(folder: Path, text: str) -> TasksParams:
    (folder / "params.yaml").write_text(f"tasks: {text}\n")
    return load_sections(folder / "params.yaml", {"tasks": TasksParams})["tasks"]


def test_tasks_keep_their_order_and_weights(tmp_path):
    tasks = load(tmp_path, "{walk: {weight: 2.0}, a_run: {weight: 0.5}}")
    assert tasks.names == ["walk", "a_run"]
    assert tasks.weights == {"walk": 2.0, "a_run": 0.5}
    tasks.check("walk")
    with refused(ParameterError, "--task: expected one of walk, a_run, got 'jump'"):
        tasks.check("jump")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "tasks: expected"),
        ("{walk: {weight: 0.0}}", "tasks.walk.weight: expected"),
        ("{walk: {weight: -1.0}}", "tasks.walk.weight: expected"),
        ("{walk: {}}", "tasks.walk.weight: expected"),
        ("{walk: {weight: 1.0, folder: x}}", "tasks.walk"),
        ("{../walk: {weight: 1.0}}", "tasks.../walk: expected a name of a-z, 0-9 and _, got '../walk'"),
    ],
)
def test_others_are_refused(tmp_path, text, sentence):
    with refused(ParameterError, sentence):
        load(tmp_path, text)


def test_a_project_of_tasks_is_known_by_its_section():
    project = load_project(STUDY / "params.yaml")
    assert isinstance(project, TaskProject)
    assert project.tasks.names[:3] == ["cart_pole", "acrobot", "pendulum"] and len(project.tasks.names) == 7
