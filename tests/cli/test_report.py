"""What a report says of a commit: scores and parameters that differ, or why it cannot tell."""

import subprocess

import pytest

from tests.builders import PARAMETERS_FILE, refused
from understudy.cli.report import changes
from understudy.errors import ParameterError
from understudy.utils.jsonfile import write_json


def git(folder, *arguments: str) -> None:
    identity = ("-c", "user.email=test@example.com", "-c", "user.name=test")
    subprocess.run(("git", *identity, *arguments), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMETERS_FILE.read_text())
    write_json(tmp_path / "metrics/summary.json", {"mlp": {"score": 0.5}})
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "Results")
    return tmp_path


def test_the_same_is_said_to_be_the_same(project):
    section = changes(project, "HEAD")
    assert section.heading == "What differs from HEAD"
    assert "All scores are the same." in section.content
    assert "All parameters are the same." in section.content


def test_a_score_and_a_parameter_that_differ_are_listed(project):
    write_json(project / "metrics/summary.json", {"mlp": {"score": 0.75}})
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("resamples: 9999", "resamples: 100"))
    content = changes(project, "HEAD").content
    assert "<td>mlp</td><td>0.500</td><td>0.750</td><td>+0.250</td>" in content
    assert "<td>comparison.resamples</td><td>9999</td><td>100</td>" in content


def test_a_commit_that_is_not_there_is_refused(project):
    with refused(ParameterError, "--against: expected a commit with metrics/summary.json, got 'nope': "):
        changes(project, "nope")


def test_a_project_outside_of_git_is_refused(tmp_path):
    with refused(ParameterError, "--against: expected a commit with metrics/summary.json, got 'HEAD': not a git"):
        changes(tmp_path, "HEAD")
