"""Stage code as a program: what it writes and says, the first time and after an edit."""

import shutil
import subprocess
import sys

import pytest

from tests.contracts.small_pipeline import describe, describe_code, environment
from tests.imports import ROOT
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
    command = [sys.executable, "pipeline/run.py", "code", *arguments]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_writes_what_every_stage_runs_and_says_what_an_edit_has_changed(project):
    assert run(project).startswith(f"{len(describe(ROOT, FAMILIES))} descriptions of code")
    assert read_stages(project / "data/code") == describe(project, FAMILIES)
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
    command = [sys.executable, "../../pipeline/run.py", "code"]
    subprocess.run(command, cwd=study, env=environment(), check=True)
    assert not (project / "data/code/own").exists()
    assert set(read_stages(study / "data/code")) == {*read_stages(project / "data/code"), "own/draw"}


def test_compiled_code_is_removed_and_none_is_left_behind(project):
    """Else the folder of code, on which a study depends, would be another one after every stage."""
    (project / "custom").mkdir()
    before = sorted(project.rglob("*"))
    for folder in ("src/understudy/code/__pycache__", "custom/__pycache__"):
        (project / folder).mkdir(parents=True)
        (project / folder / "table.cpython-311.pyc").touch()
    variables = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "pipeline/run.py", "code"], cwd=project, env=variables, check=True)
    assert [path for path in sorted(project.rglob("*")) if path not in before and "data" not in path.parts] == []


def test_after_a_failure_the_former_descriptions_are_still_there(project):
    describe_code(project)
    before = read_stages(project / "data/code")
    (project / "src/understudy/models/mlp.py").write_text("def")
    command = [sys.executable, "pipeline/run.py", "code"]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("code: ") and "models/mlp.py: expected Python, got" in done.stderr
    assert done.stderr.count("\n") == 1
    assert read_stages(project / "data/code") == before


def test_the_table_is_printed_and_nothing_is_written(project):
    printed = run(project, "--table")
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
