"""`understudy import logs`: what it says, and what it leaves to `understudy import`."""

from pathlib import Path

import pytest

from tests.builders import call_stage
from tests.cli.test_main import run
from tests.logs.samples import OPENAI, written
from understudy.cli import import_logs
from understudy.logs.parquet import read_logs
from understudy.params.log_project import LogProject
from understudy.params.project import load_project


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """A folder `logs` in the current one, with a run, the same again, and half a line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    path = written(tmp_path / "logs/x.jsonl", OPENAI, OPENAI)
    path.write_text(path.read_text() + '{"messages"')
    return path


def test_it_says_what_was_found_and_what_could_not_be_recovered(capsys, logs):
    code, out, err = run(capsys, "import", "logs", "logs", "--out", "data/mine", "--skip-bad")
    assert code == 0
    assert out.splitlines() == [
        "1 runs of 1 files (1 openai_chat), 4 steps",
        "decisions: 2 of assistants",
        "1 tools, 1 calls of them, 0 turns with parallel ones",
        "1 outcomes known, mean 1.000, 1 of 1 or more",
        "not as it could be:",
        "  1 duplicate runs left out",
        "  1 bad records skipped",
        "    logs/x.jsonl, line 3: expected JSON, got: Expecting ':' delimiter in column 12",
        "written to data/mine",
    ]
    assert "import: 100%" in err
    assert read_logs(logs.parents[1] / "data/mine").episodes.num_rows == 1


def test_a_bad_line_is_one_sentence_and_nothing_is_written(capsys, logs):
    code, out, err = run(capsys, "import", "logs", "logs", "--out", "data/mine")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("understudy import logs: logs/x.jsonl, line 3: expected JSON, got: ")
    assert not (logs.parents[1] / "data/mine").exists()


def test_a_path_that_does_not_exist_is_a_mistake_of_the_command(capsys, logs):
    code, _, err = run(capsys, "import", "logs", "nowhere")
    assert (code, err) == (2, "understudy import logs: expected a file or a folder, found no nowhere\n")


def test_a_folder_of_demonstrations_may_be_called_logs(capsys, logs):
    code, _, err = run(capsys, "import", "logs", "--environment", "CartPole-v1", "--to", "new")
    assert code == 2
    assert "--format: expected one of npz, hdf5, minari" in err


def test_a_project_is_made_of_logs(capsys, logs):
    code, out, _ = run(capsys, "import", "logs", "logs", "--to", "mine", "--skip-bad")
    assert code == 0 and out.splitlines()[-1] == "copied to mine; next: cd mine && dvc repro"
    project = logs.parents[1] / "mine"
    assert (project / "transcripts/logs/x.jsonl").read_bytes() == logs.read_bytes()
    params = load_project(project / "params.yaml")
    assert isinstance(params, LogProject)
    assert (params.logs.paths, params.logs.skip_bad) == (["transcripts"], True)
    assert (project / "src/understudy/logs/importing.py").is_file() and (project / ".dvc").is_dir()


@pytest.fixture
def copies(monkeypatch):
    """What would be copied into the project, where nothing is made."""
    told = {}

    def create(folder, dvc_yaml, params, notes, data):
        told.update(data)
        return params

    monkeypatch.setattr(import_logs, "create_project", create)
    return told


def test_a_project_below_its_own_logs_holds_the_files_of_logs_and_no_others(capsys, logs, copies):
    logs.write_text(logs.read_text().splitlines()[0])
    here = logs.parents[1]
    for name in (".git/objects/ab", "logs/notes.txt", "logs/deep/y.json", "my-agent.md"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(logs.read_text())
    code, _, _ = run(capsys, "import", "logs", ".", "--to", "my-agent")
    assert code == 0
    names = {f"transcripts/{here.name}/logs/{name}": f"logs/{name}" for name in ("deep/y.json", "x.jsonl")}
    assert {name: path.as_posix() for name, path in copies.items()} == names


def test_a_project_below_its_own_logs_is_made(capsys, logs):
    code, _, _ = run(capsys, "import", "logs", ".", "--to", "my-agent", "--skip-bad")
    project, here = logs.parents[1] / "my-agent", logs.parents[1].name
    assert code == 0
    assert [path.name for path in (project / "transcripts").rglob("*") if path.is_file()] == ["x.jsonl"]
    assert (project / f"transcripts/{here}/logs/x.jsonl").read_bytes() == logs.read_bytes()


def test_the_first_stage_of_a_project_finds_files_of_any_name(capsys, logs, monkeypatch):
    logs.rename(logs.with_name("mine.txt"))
    code, _, _ = run(capsys, "import", "logs", "logs/mine.txt", "--to", "mine", "--skip-bad")
    assert code == 0
    monkeypatch.chdir("mine")
    params = load_project(Path("params.yaml"))
    assert isinstance(params, LogProject)
    assert params.logs.paths == ["transcripts", "transcripts/mine.txt"]
    call_stage("import_logs")
    assert read_logs(logs.parents[1] / "mine/data/logs").episodes.num_rows == 1


def test_nothing_is_made_of_bad_logs_or_over_something(capsys, logs):
    code, _, err = run(capsys, "import", "logs", "logs", "--to", "mine")
    assert code == 1 and "logs/x.jsonl, line 3: expected JSON" in err
    assert not (logs.parents[1] / "mine").exists()
    code, _, err = run(capsys, "import", "logs", "logs", "--to", "logs")
    assert (code, err) == (2, "understudy import logs: --to: expected a folder that does not exist yet, got logs\n")
    code, _, err = run(capsys, "import", "logs", "logs", "./logs", "--to", "mine")
    assert (code, err) == (2, "understudy import logs: --to: expected paths of different names, got two called logs\n")
