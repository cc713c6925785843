"""understudy search: finds the project's programs, hands on what they say, and applies what was found."""

import json
import shutil

import pytest

from tests.cli.test_main import run
from tests.imports import ROOT
from tests.search.projects import TRIALS, write_search
from understudy.search.trial import COMPLETE, Trial, write_trials


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The committed params.yaml and dvc.yaml, whose programs are the repository's."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text().replace("{root: .}", f"{{root: {ROOT}}}"))
    write_search(tmp_path)
    return tmp_path


def test_what_the_program_says_and_leaves_is_handed_on(project, capfd):
    assert run(capfd, "search", "decoder")[0] == 2
    code, _, errors = run(capfd, "search", "mlp")
    told = "search_policy: search.yaml: mlp.space.model.hidden_dim: expected a range that holds 256, the value in params.yaml"
    assert (code, errors.count("\n")) == (2, 1)
    assert told in errors


def test_outside_of_a_project_there_is_a_sentence(project, capsys):
    (project / "dvc.yaml").write_text("stages: {}\n")
    says = "understudy search: dvc.yaml: expected a line `vars: [{root: FOLDER}]`, with a folder that has pipeline/run.py\n"
    assert run(capsys, "search", "mlp") == (2, "", says)
    (project / "params.yaml").unlink()
    assert run(capsys, "search", "mlp")[2].startswith("understudy search: params.yaml: expected a file with parameters")


def test_the_best_values_are_applied_when_the_search_is_done(project, capsys, monkeypatch):
    monkeypatch.setattr("understudy.cli.search.subprocess.run", lambda *_, **__: type("Done", (), {"returncode": 0}))
    assert run(capsys, "search", "mlp", "--apply")[::2] == (
        1,
        f"understudy search: {TRIALS}: expected a finished trial, got none\n",
    )
    origin = {"search": {"objective": "return"}}
    values = [{"model.hidden_dim": width} for width in (8, 16, 32)]
    write_trials(
        TRIALS, origin, [Trial(each, COMPLETE, value) for each, value in zip(values, (1.0, 3.0, 2.0), strict=True)]
    )
    told = "params.yaml has the values of trial 1 now: policies.mlp.model.hidden_dim; next: dvc repro\n"
    assert run(capsys, "search", "mlp", "--apply") == (0, told, "")
    assert "hidden_dim: 16\n" in (project / "params.yaml").read_text()
    assert run(capsys, "search", "mlp", "--apply")[1] == "params.yaml has the values of trial 1 already\n"
    assert json.loads(TRIALS.read_text())["format_version"] == 1
