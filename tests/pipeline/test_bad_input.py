"""Stage programs on bad input: one line, the exit code, and no output begun.

One runs as a program; the others' work is called in this process, which is quicker.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from tests.toys import ROOT
from understudy.params.whole import load_params
from understudy.stage import run_stage

POLICIES = load_params(ROOT / "params.yaml").policies.names


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """A folder with the committed params.yaml and nothing else, which is the current one."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(workspace: Path, section: str, key: str, value: object) -> None:
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(workspace / "params.yaml")
    content[section][key] = value
    yaml.dump(content, workspace / "params.yaml")


def as_program(workspace: Path, stage: str, *arguments: str) -> tuple[int, str]:
    """Exit code and line of a stage program that must fail and leave the workspace as it was."""
    before = sorted(workspace.rglob("*"))
    command = [sys.executable, ROOT / "pipeline" / f"{stage}.py", *arguments]
    environment = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout == ""
    assert sorted(workspace.rglob("*")) == before
    return done.returncode, one_line(stage, done.stderr)


def one_line(stage: str, errors: str) -> str:
    assert errors.count("\n") == 1, errors
    name, _, line = errors.strip().partition(": ")
    assert name == stage
    return line


@pytest.fixture
def in_process(workspace, monkeypatch, capsys):
    """Calls the work of a stage that must fail, and returns what `as_program` would."""

    def call(stage: str, *arguments: str) -> tuple[int, str]:
        before = sorted(workspace.rglob("*"))
        spec = importlib.util.spec_from_file_location(stage, ROOT / "pipeline" / f"{stage}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [f"pipeline/{stage}.py", *arguments])
        threads = torch.get_num_threads()
        with pytest.raises(SystemExit) as left:
            run_stage(module.work, module.__doc__)
        torch.set_num_threads(threads)
        assert sorted(workspace.rglob("*")) == before
        return left.value.code, one_line(stage, capsys.readouterr().err)

    return call


def test_a_bad_parameter_leaves_two(workspace):
    change(workspace, "comparison", "resamples", "many")
    line = "params.yaml: comparison.resamples: expected a valid integer, got 'many'"
    assert as_program(workspace, "compare") == (2, line)


def test_a_missing_file_leaves_one(in_process):
    line = "data/raw/steps.parquet: expected a recording, found no such file"
    assert in_process("build_sequences") == (1, line)


def test_an_unknown_policy_leaves_two(in_process):
    line = f"--policy: expected one of {', '.join(POLICIES)}, got 'decodr'"
    assert in_process("evaluate_policy", "--policy", "decodr", "--seed", "0") == (2, line)


def test_an_environment_that_does_not_exist_leaves_two(workspace, in_process):
    change(workspace, "environment", "id", "LunarLandr-v3")
    code, line = in_process("train_expert")
    assert code == 2
    assert line.startswith("environment.id: expected an environment that Gymnasium can make, got 'LunarLandr-v3'")


def test_an_expert_of_one_agent_cannot_be_trained_for_several(workspace, in_process):
    change(workspace, "environment", "id", "mpe2.simple_spread_v3")
    line = (
        "expert.algorithm: expected an environment of one agent, or scripted, which plays mpe2.simple_spread_v3 alone,"
        " got ppo for the 3 agents of mpe2.simple_spread_v3"
    )
    assert in_process("train_expert") == (2, line)


def test_a_script_is_for_its_own_environment(workspace, in_process):
    change(workspace, "expert", "algorithm", "scripted")
    code, line = in_process("train_expert")
    assert code == 2
    assert line.startswith("expert.algorithm: expected mpe2.simple_spread_v3")


@pytest.mark.parametrize(
    ("stage", "section", "key", "value", "expected"),
    [
        ("build_sequences", "sequences", "hide", "vx", "a valid list, got 'vx'"),
        ("label_options", "options", "dwell", 1, "greater than 1, got 1"),
        ("record_rollouts", "rollouts", "noise", 1.5, "less than or equal to 1, got 1.5"),
        ("evaluate_references", "compute", "workers", 0, "greater than or equal to 1, got 0"),
        (
            "compare",
            "comparison",
            "differences",
            [["mlp", "us"]],
            "pairs of the policies decoder, hierarchical, mlp, got 'us'",
        ),
    ],
)
def test_every_stage_checks_its_own_sections(workspace, in_process, stage, section, key, value, expected):
    change(workspace, section, key, value)
    assert in_process(stage) == (2, f"params.yaml: {section}.{key}: expected {expected}")


@pytest.mark.parametrize(
    ("stage", "arguments", "line"),
    [
        ("record_rollouts", [], "models/expert/policy.json: expected a file, found none"),
        ("label_options", [], "data/processed/sequences/store.json: expected a file, found none"),
        (
            "train_policy",
            ["--policy", POLICIES[0], "--seed", "0"],
            "data/processed/sequences/store.json: expected a file, found none",
        ),
        ("evaluate_references", [], "models/expert/policy.json: expected a file, found none"),
        (
            "evaluate_policy",
            ["--policy", POLICIES[0], "--seed", "0"],
            f"models/{POLICIES[0]}/seed_0/policy.json: expected a file, found none",
        ),
        ("compare", [], "data/evaluation/expert/steps.parquet: expected a recording, found no such file"),
    ],
)
def test_what_is_missing_upstream_is_named(in_process, stage, arguments, line):
    assert in_process(stage, *arguments) == (1, line)


def test_a_seed_that_is_not_asked_for_is_refused(in_process):
    line = "--seed: expected one of training.seeds, [0], got 7"
    assert in_process("train_policy", "--policy", POLICIES[0], "--seed", "7") == (2, line)


def test_a_policy_is_looked_up_before_anything_is_read(in_process):
    line = f"--policy: expected one of {', '.join(POLICIES)}, got 'expert'"
    assert in_process("train_policy", "--policy", "expert", "--seed", "0") == (2, line)
