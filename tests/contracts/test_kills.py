"""A stage that is killed at any moment and started again writes what it would have written undisturbed, to the byte."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir

import pytest

from tests.builders import call_stage
from tests.contracts.small_pipeline import ROOT, SMALL, environment, set_params
from tests.forked import start_stage

LONGER = {
    "expert.total_steps": 10_000,
    "expert.ppo.num_environments": 8,
    "expert.snapshots": [0.25, 0.5],
    "rollouts.episodes": 60,
    "rollouts.players": [
        {"snapshot": 0.5, "episodes": 25, "noise": 0.2},
        {"snapshot": 1.0, "episodes": 35, "noise": 0.0},
    ],
    "rollouts.block_size": 5,
    "evaluation.episodes": 20,
    "evaluation.block_size": 4,
    "training.steps": 120,
    "training.evaluate_every": 10,
    "policies.decoder.model.action_dropout": 0.3,
}
SECONDS = "seconds.json"
DECODER = ["--policy", "decoder", "--seed", "0"]
# In the order in which each has what it reads.
STAGES = {
    "train_expert": ([], "models/expert"),
    "record_rollouts": ([], "data/raw"),
    "build_sequences": ([], "data/processed/sequences"),
    "label_options": ([], "data/processed/options"),
    "code": ([], "data/code"),
    "select_columns": ([], "data/columns"),
    "train_policy": (DECODER, "models/decoder/seed_0"),
    "evaluate_policy": (DECODER, "data/evaluation/decoder/seed_0"),
}
LONG_STAGES = ("train_expert", "record_rollouts", "train_policy", "evaluate_policy")


@pytest.fixture(scope="module")
def finished(made_once):
    """A folder in which all stages have run undisturbed, and the seconds that each of the long ones took."""

    def make(folder):
        shutil.copy(ROOT / "params.yaml", folder)
        set_params(folder, SMALL | LONGER)
        seconds = {}
        for stage in STAGES:
            if stage not in LONG_STAGES:
                with chdir(folder):
                    call_stage(stage)
                continue
            process, begun = start(stage, folder), time.monotonic()
            code, _, said = process.wait()
            assert code == 0, said
            seconds[stage] = time.monotonic() - begun
        (folder / SECONDS).write_text(json.dumps(seconds))

    folder = made_once("undisturbed", make)
    return folder, json.loads((folder / SECONDS).read_text())


@pytest.fixture
def disturbed(finished, tmp_path):
    """A copy of that folder, to run a stage in again."""
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def start(stage, folder):
    return start_stage(folder, [stage, *STAGES[stage][0]])


def run_to_its_end(stage, folder):
    code, _, said = start(stage, folder).wait()
    assert code == 0, said


def heed_interruptions():
    """A test run that a shell has put in the background ignores Ctrl-C, and its processes inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def hashes(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stage", LONG_STAGES)
def test_killed_and_started_again_a_stage_writes_the_same_bytes(finished, disturbed, stage, kills):
    """Moments are a share of the undisturbed time; a run that ends before its moment is compared and begun anew."""
    reference, seconds = finished
    output, expected = disturbed / STAGES[stage][1], hashes(reference / STAGES[stage][1])
    chance = random.Random(stage)
    shutil.rmtree(output)
    while kills:
        process = start(stage, disturbed)
        time.sleep(chance.uniform(0.3, 0.8) * seconds[stage])
        process.kill()
        if process.wait()[0] == 0:
            assert hashes(output) == expected
            shutil.rmtree(output)
        else:
            kills -= 1
    run_to_its_end(stage, disturbed)
    assert hashes(output) == expected
    assert not [path for path in (disturbed / ".checkpoints").rglob("*") if path.is_file()]


def test_a_checkpoint_of_other_parameters_is_not_resumed(finished, disturbed):
    shutil.rmtree(disturbed / "models/decoder/seed_0")
    set_params(disturbed, {"training.learning_rate": 0.002})
    process = start("train_policy", disturbed)
    while not list((disturbed / ".checkpoints").rglob("run.safetensors")):
        time.sleep(0.05)
    process.kill()
    process.wait()
    set_params(disturbed, {"training.learning_rate": 0.001})
    run_to_its_end("train_policy", disturbed)
    assert hashes(disturbed / "models/decoder/seed_0") == hashes(finished[0] / "models/decoder/seed_0")


def test_an_interruption_is_one_line_and_can_be_resumed(finished, disturbed):
    shutil.rmtree(disturbed / "models/decoder/seed_0")
    command = [sys.executable, ROOT / "pipeline" / "train_policy.py", *DECODER]
    variables = environment() | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        command, cwd=disturbed, env=variables, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interruptions
    )
    while not list((disturbed / ".checkpoints").rglob("run.safetensors")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1].replace("\r", "\n").strip().splitlines()
    assert process.returncode == 130
    assert said[-1] == "train_policy: interrupted; run the same command again"
    assert "Traceback" not in "".join(said)
    run_to_its_end("train_policy", disturbed)
    assert hashes(disturbed / "models/decoder/seed_0") == hashes(finished[0] / "models/decoder/seed_0")
