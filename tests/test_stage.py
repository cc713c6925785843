"""What a stage program leaves behind when it ends: an exit code, and one line on standard error where something was wrong."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toys import ROOT
from understudy.errors import DataError, ParameterError
from understudy.params.compute import ComputeParams
from understudy.params.training import TrainingParams
from understudy.stage import run_stage

PROGRAM = """
import errno, os, signal, time
from understudy.errors import DataError, ParameterError
from understudy.stage import run_stage

def interrupted():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
    print("ready", flush=True)
    time.sleep(60)

def full():
    with open("/dev/full", "w") as file:
        file.write("x")

def fail(error):
    raise error

WORK = {
    "well": lambda: print("done"),
    "parameter": lambda: fail(ParameterError("training.steps: expected 1, got 2")),
    "data": lambda: fail(DataError("data/raw: expected episodes, got none")),
    "full": full,
    "full_with_a_name": lambda: fail(OSError(errno.ENOSPC, "No space left on device", "models/mlp/x")),
    "missing": lambda: fail(FileNotFoundError(errno.ENOENT, "No such file", "data")),
    "bug": lambda: fail(ValueError("a bug")),
    "interrupted": interrupted,
}
run_stage(lambda: WORK[os.environ["WORK"]](), "A toy.")
"""


@pytest.fixture
def start(tmp_path):
    """Starts the program above, as a stage would, in a folder with the committed params.yaml."""
    (tmp_path / "toy_stage.py").write_text(PROGRAM)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    environment = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}

    def begin(work: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "toy_stage.py", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=tmp_path, env=environment | {"WORK": work}, text=True, **pipes)

    return begin


@pytest.mark.parametrize(
    ("work", "code", "line"),
    [
        ("parameter", 2, "toy_stage: training.steps: expected 1, got 2"),
        ("data", 1, "toy_stage: data/raw: expected episodes, got none"),
        ("full", 1, "toy_stage: cannot write an output: No space left on device"),
        ("full_with_a_name", 1, "toy_stage: cannot write models/mlp/x: No space left on device"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_a_code(start, work, code, line):
    process = start(work)
    assert process.communicate() == ("", line + "\n")
    assert process.returncode == code


def test_work_that_is_done_leaves_zero_and_says_nothing(start):
    process = start("well")
    assert process.communicate() == ("done\n", "")
    assert process.returncode == 0


def test_an_interruption_is_no_traceback(start):
    process = start("interrupted")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == "toy_stage: interrupted; run the same command again\n"
    assert process.returncode == 130


@pytest.mark.parametrize(("work", "last"), [("missing", "FileNotFoundError"), ("bug", "ValueError: a bug")])
def test_a_bug_is_not_hidden(start, work, last):
    process = start(work)
    errors = process.communicate()[1]
    assert process.returncode == 1
    assert errors.startswith("Traceback")
    assert errors.splitlines()[-1].startswith(last)


def test_help_says_what_a_stage_does_and_does_not_begin_it(start):
    process = start("bug", "--help")
    assert "A toy." in process.communicate()[0]
    assert process.returncode == 0


@pytest.fixture
def leave(capsys, monkeypatch, tmp_path):
    """Runs `work` as a stage in a folder with this params.yaml, None for none; returns its code and its message."""

    def run(work, parameters: str | None) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["stage.py"])
        if parameters is not None:
            Path("params.yaml").write_text(parameters)
        with pytest.raises(SystemExit) as left:
            run_stage(work, "")
        return left.value.code, capsys.readouterr().err

    return run


def never(compute: ComputeParams) -> None:
    raise AssertionError("work began with parameters that are wrong")


def test_missing_parameters_are_told_before_the_work(leave, tmp_path):
    line = f"stage: params.yaml: expected a file with parameters, found none in {tmp_path}\n"
    assert leave(never, None) == (2, line)


def test_wrong_parameters_are_told_before_the_work(leave):
    line = "stage: params.yaml: expected sections such as `environment:`, got list\n"
    assert leave(never, "[environment, expert]") == (2, line)


def test_a_section_that_the_work_needs_is_validated(leave):
    line = "stage: params.yaml: compute.workers: expected greater than or equal to 1, got 0\n"
    assert leave(never, "compute: {device: cpu, workers: 0}") == (2, line)


@pytest.mark.parametrize(
    ("error", "code"), [(ParameterError("no"), 2), (DataError("no"), 1), (KeyboardInterrupt(), 130)]
)
def test_every_kind_of_failure_has_its_code(leave, error, code):
    def fail(compute: ComputeParams) -> None:
        raise error

    assert leave(fail, (ROOT / "params.yaml").read_text())[0] == code


def test_of_processes_that_train_together_the_first_one_speaks(leave, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert leave(never, "[]") == (2, "")


def test_the_work_gets_what_its_arguments_name(monkeypatch, tmp_path):
    """Sections by their names, the policy and the seed from the command line; sections that it does not name may be anything."""
    received = []

    def work(policy: str, compute: ComputeParams, seed: int) -> None:
        received.extend([policy, compute, seed])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_policy.py", "--seed", "3", "--policy", "mlp"])
    Path("params.yaml").write_text("compute: {device: cpu, workers: 4}\ntraining: nonsense\n")
    run_stage(work, "Train a policy.")
    assert received == ["mlp", ComputeParams(device="cpu", workers=4), 3]


def of_a_policy(policy: str, seed: int, training: TrainingParams) -> None:
    raise AssertionError("work began on a command line that is wrong")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--policy", "mlp"],
        ["--seed", "0"],
        ["--policy", "--seed", "0"],
        ["mlp", "0"],
        ["--policy", "mlp", "--seed", "first"],
        ["--policy", "mlp", "--seed", "0", "more"],
        ["--policy", "mlp", "--seed", "0", "--colour", "red"],
    ],
)
def test_another_command_line_is_a_parameter_error(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["train_policy.py", *arguments])
    with pytest.raises(SystemExit) as left:
        run_stage(of_a_policy, "Train a policy.")
    assert left.value.code == 2
    assert "train_policy.py: error: " in capsys.readouterr().err


def test_a_stage_without_a_policy_takes_none(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--policy", "mlp"])
    with pytest.raises(SystemExit) as left:
        run_stage(never, "Compare.")
    assert left.value.code == 2
    assert "compare.py: error: " in capsys.readouterr().err
