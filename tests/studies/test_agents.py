"""studies/agents: its stages against the root's and the programs, and the script that takes the transcripts."""

import hashlib
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from tests.builders import imported
from tests.imports import ROOT
from understudy.code.stages import describe_stages
from understudy.params.log_project import LogProject
from understudy.params.project import load_project

STUDY = ROOT / "studies/agents"
STAGES = YAML(typ="safe").load((STUDY / "dvc.yaml").read_text())["stages"]
ROOTS = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def test_its_parameters_are_those_of_a_project_of_logs():
    params = load_project(STUDY / "params.yaml")
    assert isinstance(params, LogProject)
    assert {domain: len(tasks) for domain, tasks in params.runs.test_tasks.items()} == {"airline": 20, "retail": 40}
    assert len(params.training.seeds) == 5


def test_what_learns_is_the_roots():
    ours, roots = STAGES["train_policy"], ROOTS["train_policy"]
    assert {key: ours[key] for key in ("matrix", "cmd", "deps", "params", "outs")} == {
        key: roots[key] for key in ("matrix", "cmd", "deps", "params", "outs")
    }


def test_each_stage_depends_on_the_description_of_its_own_code():
    families = {name: block.family for name, block in load_project(STUDY / "params.yaml").policies.items()}
    described = {f"data/code/{name}.json" for name in describe_stages(ROOT, families)}
    for name, stage in STAGES.items():
        if name not in ("fetch", "code"):
            [code] = [path for path in stage["deps"] if path.startswith("data/code")]
            assert code.replace("${item.policy}", "mlp") in described
            assert code.split("/")[2].removesuffix(".json") == name


def test_the_readmes_table_is_that_of_its_run():
    assert (STUDY / "metrics/results.md").read_text() in (STUDY / "README.md").read_text()


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """The script, with one small file in place of the transcripts, which lies in a folder, and what runs it."""
    module = imported(STUDY / "fetch.py")
    digest = hashlib.sha256(b"{}").hexdigest()
    monkeypatch.setattr(module, "FILES", {"runs.json": module.Source("owner/name/commit/folder", digest)})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept/below").mkdir(parents=True)
    (tmp_path / "kept/below/runs.json").write_bytes(b"{}")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["fetch.py", *arguments])
        module.main()

    return module, run


def test_files_are_taken_from_a_folder_and_then_left_alone(fetch, tmp_path, monkeypatch):
    module, run = fetch
    run("--from", "kept")
    monkeypatch.setattr(module, "_fetched", lambda address: pytest.fail(address))
    run()
    assert (tmp_path / "data/transcripts/runs.json").read_bytes() == b"{}"


def test_what_is_missing_is_fetched_at_its_commit(fetch, tmp_path, monkeypatch):
    module, run = fetch
    asked = []
    monkeypatch.setattr(module, "_fetched", lambda address: asked.append(address) or b"{}")
    run()
    assert asked == ["https://raw.githubusercontent.com/owner/name/commit/folder/runs.json"]


@pytest.mark.parametrize("where", ["kept/below/runs.json", "data/transcripts/runs.json"])
def test_another_content_is_refused(fetch, tmp_path, where):
    _, run = fetch
    (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / where).write_bytes(b"[]")
    with pytest.raises(SystemExit, match=r"runs.json: expected the file of SHA-256 44136fa355b3, got 4f53cda18c2b"):
        run("--from", "kept")
    assert where.startswith("data") or not (tmp_path / "data/transcripts/runs.json").exists()


def test_a_folder_without_the_file_is_a_sentence(tmp_path):
    command = [sys.executable, STUDY / "fetch.py", "--from", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "fetch: .: expected a file gpt-4o-airline.json below it, found none\n"
