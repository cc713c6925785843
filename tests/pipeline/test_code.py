"""Stage code as a program: what it writes and says, the first time and after an edit."""

import os
import runpy
import shutil
import subprocess
import sys

import pytest

from tests.contracts.small_pipeline import describe, describe_code, environment
from tests.forked import start
from tests.imports import ROOT
from tests.read_once import files_read_once
from understudy.code.stages import read_stages
from understudy.params.whole import load_params

FAMILIES = {name: policy.family for name, policy in load_params(ROOT / "params.yaml").policies.items()}


@pytest.fixture
def project(tmp_path):
    """A copy of the code and of params.yaml."""
    for name in ("src", "pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run(project, *arguments):
    """Run the program in a fork, which has read most files already; exit code, and what it has printed."""

    def work():
        os.chdir(project)
        sys.argv = ["pipeline/code.py", *arguments]
        with files_read_once():
            runpy.run_path(sys.argv[0], run_name="__main__")

    return start(work).wait()


def test_it_writes_what_every_stage_runs_and_leaves_no_compiled_code(project):
    """Else the folder of code, on which a study depends, would be another one after every stage."""
    (project / "custom").mkdir()
    before = sorted(project.rglob("*"))
    for folder in ("src/understudy/code/__pycache__", "custom/__pycache__"):
        (project / folder).mkdir(parents=True)
        (project / folder / "table.cpython-311.pyc").touch()
    variables = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "pipeline/run.py", "code"]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    described = describe(project, FAMILIES)
    assert done.stdout.startswith(f"{len(described)} descriptions of code")
    assert read_stages(project / "data/code") == described
    assert [path for path in sorted(project.rglob("*")) if path not in before and "data" not in path.parts] == []


def test_it_says_what_an_edit_has_changed(project):
    describe_code(project)
    assert describe_code(project) == "no stage's code has changed\n"
    with (project / "src/understudy/models/mlp.py").open("a") as module:
        module.write("EDITED = True\n")
    of_all = {"report", "report_logs", "report_words", "time_pruned"}
    stale = sorted(name for name in describe(ROOT, FAMILIES) if name.endswith("/mlp") or name in of_all)
    assert "train_policy/mlp" in stale and "evaluate_policy/mlp" in stale
    assert describe_code(project) == f"understudy.models.mlp has changed: {', '.join(stale)}\n"


def test_the_programs_of_a_study_are_described_and_what_lies_in_the_root_is_not(project):
    study = project / "studies/mine"
    study.mkdir(parents=True)
    for folder in (project, study):
        shutil.copy(ROOT / "params.yaml", folder)
        (folder / "draw.py").write_text("import understudy.errors\n")
    describe_code(project)
    describe_code(study, project)
    assert not (project / "data/code/own").exists()
    assert set(read_stages(study / "data/code")) == {*read_stages(project / "data/code"), "own/draw"}


def test_after_a_failure_the_former_descriptions_are_still_there(project):
    describe_code(project)
    before = read_stages(project / "data/code")
    (project / "src/understudy/models/mlp.py").write_text("def")
    code, _, said = run(project)
    assert code == 1
    assert said.startswith("code: ") and "models/mlp.py: expected Python, got" in said
    assert said.count("\n") == 1
    assert read_stages(project / "data/code") == before


def test_the_table_is_printed_and_nothing_is_written(project):
    describe(ROOT, FAMILIES)
    code, printed, said = run(project, "--table")
    assert code == 0, said
    row = next(line for line in printed.splitlines() if "understudy.report.figures" in line)
    assert row.count("x") == 1
    assert not (project / "data").exists()


def test_what_policies_start_from_is_told_to_the_stage_that_training_depends_on(project):
    describe_code(project)
    assert "of_data" not in read_stages(project / "data/code")["select_columns"]
    before = (project / "params.yaml").read_text()
    text = before.replace("  mlp:\n", "  mlp:\n    starts_from: ../other/models/mlp\n    demonstrations: 5\n", 1)
    assert text != before
    (project / "params.yaml").write_text(text)
    describe_code(project)
    of_data = read_stages(project / "data/code")["select_columns"]["of_data"]
    assert of_data == {"mlp": {"starts_from": "../other/models/mlp", "demonstrations": 5}}
