"""Whose code decides what trials are: what trains, plays and samples, and nothing that draws or tells."""

import shutil
from pathlib import Path

import pytest

from tests.builders import refused
from tests.imports import ROOT
from understudy.errors import ParameterError
from understudy.params.project import load_project
from understudy.search.origin import code_of_trials, load_one_task

PROJECT = load_project(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """The project's code, and what is found of it."""
    folder = tmp_path_factory.mktemp("root")
    for name in ("src", "pipeline", "custom"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def before(copied):
    return code_of_trials(copied, "mlp", PROJECT)


def edited(copied, *edits):
    """What is found with these lines at the end of these files."""
    texts = {name: (copied / name).read_text() for name, _ in edits}
    for name, line in edits:
        (copied / name).write_text(f"{texts[name]}\n{line}\n")
    found = code_of_trials(copied, "mlp", PROJECT)
    for name, text in texts.items():
        (copied / name).write_text(text)
    return found


@pytest.mark.parametrize("name", ["training/run", "environments/play", "models/mlp", "search/sampler"])
def test_an_edit_of_what_decides_a_trial_is_other_code(copied, before, name):
    after = edited(copied, (f"src/understudy/{name}.py", "X = 1"))
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_comments_other_families_and_what_only_tells_are_no_other_code(copied, before):
    names = ("models/hierarchical", "search/figure", "search/loop", "search/apply", "cli/search")
    edits = [(f"src/understudy/{name}.py", "X = 1") for name in names]
    assert edited(copied, ("src/understudy/models/mlp.py", "# a word"), *edits) == before


def test_the_libraries_have_their_versions(before):
    assert {"optuna", "torch", "numpy", "gymnasium"} <= before[1].keys()
    assert None not in before[1].values()


def test_one_searches_in_a_project_of_one_task():
    assert load_one_task(ROOT / "params.yaml") == PROJECT
    several = ROOT / "studies/generalist/params.yaml"
    with refused(
        ParameterError, f"{several}: expected a project of one task, got several; search in the folder of one"
    ):
        load_one_task(several)
