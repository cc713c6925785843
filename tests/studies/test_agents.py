"""studies/agents: its stages against the root's and the programs, and the script that takes the transcripts."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.contracts.small_pipeline import describe
from tests.imports import ROOT
from tests.read_once import files_read_once
from understudy.code.stages import describe_own
from understudy.errors import DataError
from understudy.logs.observation import Layout
from understudy.params.log_project import LogProject
from understudy.params.project import load_project

STUDY = ROOT / "studies/agents"
STAGES = YAML(typ="safe").load((STUDY / "dvc.yaml").read_text())["stages"]
OWN = {
    "fetch",
    "folds",
    "judge",
    "judge_strategies",
    "strategies",
    "two_agents",
    "who_and_when",
}  # programs that lie beside its dvc.yaml
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
    described = {f"data/code/{name}.json" for name in describe(ROOT, families)}
    for name, stage in STAGES.items():
        if name not in OWN | {"code"}:
            [code] = [path for path in stage["deps"] if path.startswith("data/code")]
            assert code.replace("${item.policy}", "mlp") in described
            assert code.split("/")[2].removesuffix(".json") == name


@pytest.mark.parametrize("name", ["results", "success"])
def test_the_readmes_tables_are_those_of_its_run(name):
    assert (STUDY / f"metrics/{name}.md").read_text() in (STUDY / "README.md").read_text()


def test_its_own_programs_depend_on_their_descriptions():
    families = {name: block.family for name, block in load_project(STUDY / "params.yaml").policies.items()}
    with files_read_once():
        described = describe_own(ROOT, STUDY, families)
    assert set(described) == {f"own/{name}" for name in OWN}
    assert "understudy.models.hierarchical" in described["own/strategies"]["modules"]
    for name in OWN:
        # Of fetch what it has fetched stands first: its description would fetch again.
        assert (f"data/code/own/{name}.json" if name != "fetch" else "fetch.py") in STAGES[name]["deps"]
        assert STAGES[name]["cmd"].removesuffix(" --seed ${item.seed}").endswith(f"run.py {name}.py")


def test_folds_are_of_whole_groups_and_hold_each_task_once():
    folds = imported(STUDY / "folds.py")
    rows = [
        {"episode": number, "domain": domain, "task": str(number // 2), "group": group, "num_decisions": 1}
        for number, (domain, group) in enumerate(
            [("a", "x"), ("a", "x"), (None, "x"), ("a", "y"), ("a", None), ("b", "z")]
        )
    ]
    dealt = folds.deal(pa.Table.from_pylist(rows), ["a", "unknown"], 2, 0)
    assert sorted(task for fold in dealt for task in fold["a"]) == ["0", "1", "2"]
    [of_x] = [fold for fold in dealt if "0" in fold["a"]]
    assert of_x["unknown"] == ["1"]  # the same customer's, in another domain
    with refused(DataError, "folds.count: expected at most 3, the groups of a, unknown, got 4"):
        folds.deal(pa.Table.from_pylist(rows), ["a", "unknown"], 4, 0)


def test_a_told_thing_gains_what_it_tells_beyond_the_domain():
    gained = imported(STUDY / "strategies.py").gained
    domains, choices = np.repeat(["a", "b"], 200), np.tile([0, 1], 200)
    steps = (domains, choices)
    assert gained(steps, steps, [choices, choices], 1e-6) == pytest.approx(np.full(400, np.log(2)), abs=1e-4)
    assert gained(steps, steps, [np.zeros(400), np.zeros(400)], 1e-6) == pytest.approx(np.zeros(400), abs=1e-6)
    by_domain = np.repeat([0, 1], 200)  # tells the choice by the domain alone
    assert gained((domains, by_domain), (domains, by_domain), [by_domain, by_domain], 1e-6) == pytest.approx(
        np.zeros(400), abs=1e-6
    )


def test_a_training_seed_stands_for_a_fold():
    fold_of = imported(STUDY / "strategies.py").fold_of
    assert [fold_of(seed, [3, 5, 7], 2) for seed in (3, 5)] == [0, 1]
    with refused(DataError, "seed: expected one of [3, 5], a training seed a fold, got 7"):
        fold_of(7, [3, 5, 7], 2)


def test_folds_of_strategies_are_pooled_by_decision():
    program = imported(STUDY / "judge_strategies.py")
    gains = {
        "option": [np.array([0.5, 0.1, 0.3]), np.array([0.1])],
        "k_means": [np.array([0.3, 0.1, 0.2]), np.array([0.2])],
    }
    found = program.summarise(gains, [[0, 0, 1], [0]], load_project(STUDY / "params.yaml").log_evaluation)
    assert found["option"]["nats"] == pytest.approx(0.25) and found["option"]["folds"] == pytest.approx([0.3, 0.1])
    assert found["option less k_means"]["nats"] == pytest.approx(0.05)
    # Three tasks: drawn thrice, the one of the second fold says the least and the first one's two decisions the most.
    assert (found["option"]["ci_low"], found["option"]["ci_high"]) == pytest.approx((0.1, 0.3))
    apart = found["option less k_means"]
    assert (apart["ci_low"], apart["ci_high"]) == pytest.approx((-0.1, 0.1))


def test_the_mistake_is_judged_by_the_likeliest_turn():
    program = imported(STUDY / "who_and_when.py")
    run = program.FailedRun("q", "s", ["A", "B", "A", "B"], [0, 1, 2, 3], [-1, 0, 1, 2], 2, "A")
    assert program.judge(run, np.array([0.0, 1, 3, 2])) == (1.0, 1.0)
    assert program.judge(run, np.array([0.0, 3, 1, 2])) == (0.0, 0.0)
    assert program.judge(run, np.zeros(4)) == (0.25, 0.5)  # chance
    counts = program.speaker_counts([run])
    assert counts == {("", "A"): 1, ("", "*"): 1, ("A", "B"): 2, ("A", "*"): 2, ("B", "A"): 1, ("B", "*"): 1}
    assert program.speaker_surprise(run, counts)[1] == pytest.approx(-np.log(3 / 4))


def test_whose_turn_it_is_the_other_waits():
    program = imported(STUDY / "two_agents.py")
    layout = Layout(1, ("user", "tools"), ("reply", "finish", "look", "another"), "", "choice")
    vectors = np.arange(1, 5, dtype=np.float32)[:, None]
    row = {"decision": True, "tool": None, "error": None}
    rows = [
        row | {"turn": 0, "role": "user", "agent": 1, "kind": "tool_call", "tool": "look", "text": None},
        row | {"turn": 1, "role": "tool", "agent": 1, "kind": "tool_result", "text": 0, "decision": False},
        row | {"turn": 2, "role": "user", "agent": 1, "kind": "text", "text": 1},
        row | {"turn": 3, "role": "assistant", "agent": 0, "kind": "text", "text": 2},
    ]
    found = program.dialogue(rows, layout, vectors, "t")
    assert found.actions.tolist() == [[0, 0, 1], [3, 1, 0]]
    assert found.observations[1, 1, 1] == 1  # the user reads its own result
    assert found.observations[0, :, 1].tolist() == [0, 0, 0]  # the agent never does
    assert found.observations[0, :, 0].tolist() == [0, 0, 2]  # but hears what the user says then


def test_of_two_sides_each_has_its_own_baselines():
    program = imported(STUDY / "two_agents.py")
    layout = Layout(1, ("user",), ("reply", "look", "another"), "", "choice")
    project = load_project(STUDY / "params.yaml")
    # The agent always replies (1), the user always looks (2); one waits (0) where the other decides.
    actions = np.array([[0, 1, 0, 1, 1], [2, 0, 2, 0, 0]])
    rng = np.random.default_rng(0)
    made = [program.Dialogue(rng.normal(size=(2, 5, 1)).astype(np.float32), actions, task) for task in "abcdef"]
    odd = replace(made[4], actions=np.array([[0, 1, 2], [1, 0, 0]]), observations=made[4].observations[:, :3])
    parts = {"training": [*made[:3], replace(made[3], actions=np.array([[0, 2, 0, 1, 1], [1, 0, 2, 0, 0]]))]}
    parts |= {"held out": [made[5]], "test": [odd, made[5]]}
    found = program.baselines(parts, layout, project)
    assert set(found) == set(program.BASELINES)
    # In the order of padded rows: a run's agent, its user, then the next run's.
    assert found["majority"].tolist() == [True, False, False, True, True, True, True, True]
    assert len(program.described(parts["test"], layout)["role"]) == 8


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """The script, with one small file in place of the transcripts, which lies in a folder, and what runs it."""
    module = imported(STUDY / "fetch.py")
    digest = hashlib.sha256(b"{}").hexdigest()
    monkeypatch.setattr(module, "FILES", {"runs.json": module.Source("owner/name/commit/folder", digest)})
    monkeypatch.setattr(module, "FOLDERS", {})
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


def test_a_folder_is_taken_whole_or_not_at_all(fetch, tmp_path, monkeypatch):
    module, run = fetch
    digests = "".join(f"{hashlib.sha256(each).hexdigest()}\n" for each in (b"{}", b"[]"))
    folder = module.Folder("owner/name/commit/more", 2, hashlib.sha256(digests.encode()).hexdigest())
    monkeypatch.setattr(module, "FOLDERS", {"more": folder})
    (tmp_path / "kept/deep/more").mkdir(parents=True)
    (tmp_path / "kept/deep/more/1.json").write_bytes(b"{}")
    (tmp_path / "kept/deep/more/2.json").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"data/who_and_when/more: expected the file of SHA-256"):
        run("--from", "kept")
    assert not (tmp_path / "data/who_and_when").exists()
    (tmp_path / "kept/deep/more/2.json").write_bytes(b"[]")
    run("--from", "kept")
    assert (tmp_path / "data/who_and_when/more/2.json").read_bytes() == b"[]"


def test_a_folder_without_the_file_is_a_sentence(tmp_path):
    command = [sys.executable, STUDY / "fetch.py", "--from", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "fetch: .: expected a file gpt-4o-airline.json below it, found none\n"
