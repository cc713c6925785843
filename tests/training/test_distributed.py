"""Two processes over gloo train as one does: the same curve and weights, but for the rounding of sums in another order.

Some are started by torchrun; the others are forks with what it would have told them, which is quicker.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.builders import CHOICES, parameters_text, random_episodes, refused, written_store
from tests.forked import Forked, printed_in_fork, start, start_stage
from tests.imports import ROOT
from tests.training.train_families import CASES, train_families
from understudy.errors import DataError, ParameterError
from understudy.models.family import Losses, LossTerm
from understudy.training import distributed

VARIABLES = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
DECODER = ["train_policy", "--policy", "decoder", "--seed", "0"]
TRAIN_DECODER = [str(ROOT / "pipeline" / "train_policy.py"), *DECODER[1:]]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
SMALL = {
    "training.threads": "1",
    "training.precision": "float32",
    "training.steps": "20",
    "training.warmup_steps": "2",
    "training.evaluate_every": "10",
    "training.batch_size": "5",
    "training.chunk_length": "16",
    "policies.decoder.model.embed_dim": "16",
    "policies.decoder.model.num_heads": "2",
    "policies.decoder.model.action_dropout": "0.5",
    "compute.device": "cpu",
}


def started(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run python in a folder, on one thread a process."""
    return subprocess.run([sys.executable, *command], cwd=folder, env=VARIABLES, capture_output=True, text=True)


def two_forks(begin: Callable[[Callable[[], object]], Forked]) -> list[tuple[int, str, str]]:
    """Exit codes and what is printed of two processes, each of which `begin` starts and lets join the other first."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    variables = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    variables |= {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
    ranks = [variables | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    return [each.wait() for each in [begin(partial(os.environ.update, own)) for own in ranks]]


@pytest.fixture(scope="module")
def trained(made_once) -> tuple[dict, dict, dict]:
    """Curves and weights of one process, and of the first and the second of two."""

    def make(folder: Path) -> None:
        for name in ("alone", "together"):
            (folder / name).mkdir()
        import_module("torch._dynamo")  # as the first optimizer does: once for all forks
        printed_in_fork(lambda: train_families(folder / "alone"))
        together = two_forks(lambda join: start(lambda: (join(), train_families(folder / "together"))))
        assert [code for code, *_ in together] == [0, 0], together

    folder = made_once("trained_apart", make)
    return tuple(dict(np.load(folder / file)) for file in ("alone/0.npz", "together/0.npz", "together/1.npz"))


@pytest.mark.parametrize("case", [f"{family} {spec.environment_id} {size}" for family, spec, size in CASES])
def test_two_processes_give_the_curve_and_the_weights_of_one(trained, case):
    alone, first, second = trained
    np.testing.assert_allclose(first[f"{case} curve"], alone[f"{case} curve"], rtol=1e-5)
    np.testing.assert_allclose(first[f"{case} weights"], alone[f"{case} weights"], rtol=0, atol=1e-5)
    for kind in ("curve", "weights"):
        np.testing.assert_array_equal(first[f"{case} {kind}"], second[f"{case} {kind}"])


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with sequences to learn from and small parameters."""
    episodes = random_episodes(CHOICES, [40, 25, 60, 3, 30], truncated=[2])
    written_store(tmp_path / "data" / "processed", CHOICES, episodes)
    (tmp_path / "params.yaml").write_text(parameters_text(SMALL))
    return tmp_path


def alone(folder: Path) -> tuple[int, str]:
    """Exit code and errors of the program in one process."""
    code, _, said = start_stage(folder, DECODER).wait()
    return code, said


def by_torchrun(folder: Path) -> tuple[int, str]:
    """Those of two that torchrun starts."""
    done = started(folder, *TORCHRUN, *TRAIN_DECODER)
    return done.returncode, done.stderr


def together(folder: Path) -> None:
    """Let two forks run the program to its end."""
    done = two_forks(lambda join: start_stage(folder, DECODER, join))
    assert [code for code, *_ in done] == [0, 0], done


def test_the_program_writes_once_what_one_process_would(project):
    curves = []
    for launch in (alone, by_torchrun):
        code, said = launch(project)
        assert code == 0, said
        assert said.count("20/20") == 1  # of the progress bar
        assert not list((project / ".checkpoints").iterdir())
        curves.append(
            np.loadtxt(project / "models" / "decoder" / "seed_0" / "learning_curve.csv", delimiter=",", skiprows=1)
        )
    assert len(curves[0]) == 2
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


def test_of_several_processes_the_first_one_tells_what_is_wrong(tmp_path):
    (tmp_path / "params.yaml").write_text(parameters_text(SMALL))
    done = two_forks(lambda join: start_stage(tmp_path, DECODER, join))
    assert [code for code, *_ in done] == [1, 1]
    assert [said.count("\n") for *_, said in done] == [1, 0]
    assert done[0][2].startswith("train_policy: ") and "store.json: expected" in done[0][2]


def test_interrupted_and_started_again_both_go_on_where_they_were(project):
    (project / "params.yaml").write_text(parameters_text(SMALL | {"training.steps": "200"}))
    output = project / "models" / "decoder" / "seed_0"
    with (project / "log").open("w") as log:
        heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job inherits that it is ignored
        command = [sys.executable, *TORCHRUN, *TRAIN_DECODER]
        process = subprocess.Popen(command, cwd=project, env=VARIABLES, stderr=log, preexec_fn=heeded)
        while process.poll() is None and not list(project.glob(".checkpoints/*/*/run.safetensors")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait()
    spoken = [line for line in (project / "log").read_text().splitlines() if line.startswith("train_policy: ")]
    assert spoken == ["train_policy: interrupted; run the same command again"]
    assert not output.exists()
    found = []
    for checkpoint_is_there in (True, False):
        assert (project / ".checkpoints" / "train_policy@decoder-0").exists() == checkpoint_is_there
        together(project)
        found.append({file.name: file.read_bytes() for file in output.iterdir()})
    assert found[0] == found[1]


# Without torchrun


def test_one_process_joins_no_group():
    with distributed.process_group("cpu") as device:
        assert not torch.distributed.is_initialized()
        assert device == torch.device("cpu")
        assert (distributed.rank(), distributed.count(), distributed.shard(7)) == (0, 1, slice(0, 7))


@pytest.mark.parametrize(
    ("number", "processes", "expected"),
    [(6, 2, [3, 3]), (7, 2, [3, 4]), (1, 2, [0, 1]), (0, 2, [0, 0]), (8, 3, [2, 3, 3]), (2, 4, [0, 1, 0, 1])],
)
def test_rows_are_dealt_out_once_and_evenly(number, processes, expected, monkeypatch):
    monkeypatch.setattr(distributed, "count", lambda: processes)
    taken = []
    for rank in range(processes):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        taken.append(list(range(number))[distributed.shard(number)])
    assert [len(rows) for rows in taken] == expected
    assert [row for rows in taken for row in rows] == list(range(number))


@pytest.mark.parametrize(
    ("number", "together", "expected"), [(12, 3, [6, 6]), (9, 3, [3, 6]), (3, 3, [0, 3]), (0, 3, [0, 0])]
)
def test_agents_of_an_episode_stay_in_one_process(number, together, expected, monkeypatch):
    monkeypatch.setattr(distributed, "count", lambda: 2)
    taken = []
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        taken.append(list(range(number))[distributed.shard(number, together)])
    assert [len(rows) for rows in taken] == expected
    assert [row for rows in taken for row in rows] == list(range(number))


def some_losses() -> Losses:
    """Means of 2 over three steps, of 5 over one, and of 0 over none."""
    masks = [torch.arange(4).view(2, 2) < count for count in (3, 1, 0)]
    means = [torch.tensor(mean) for mean in (2.0, 5.0, 0.0)]
    return Losses({name: LossTerm(mean, mask, 0.5) for name, mean, mask in zip("abc", means, masks, strict=True)})


def test_alone_a_process_has_the_whole_of_each_mean():
    parts = distributed.parts_of_batch(some_losses())
    assert {name: part.item() for name, part in parts.items()} == {"a": 2.0, "b": 5.0, "c": 0.0}


def test_a_process_has_the_part_of_a_mean_that_its_steps_are_of_all_steps(monkeypatch):
    """The other has five, three and no steps: shares of 3 of 8, 1 of 4, and nothing of nothing. Weights come later."""
    monkeypatch.setattr(distributed, "count", lambda: 2)
    monkeypatch.setattr(distributed, "all_reduce_sum", lambda steps: steps + torch.tensor([5, 3, 0]))
    parts = distributed.parts_of_batch(some_losses())
    assert {name: part.item() for name, part in parts.items()} == {"a": 0.75, "b": 1.25, "c": 0.0}


# Groups that cannot be


@pytest.fixture
def pretended_group(monkeypatch):
    """Two processes by torchrun's variables, and a group that is none."""
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    backends = []
    monkeypatch.setattr(torch.distributed, "init_process_group", backends.append)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: backends.append("left"))
    return backends


def test_a_process_that_is_lost_is_told_in_one_sentence(pretended_group):
    with refused(DataError, "training: expected 2 processes to the end, got one that left early"):  # noqa: SIM117
        with distributed.process_group("cpu"):
            raise RuntimeError("[pair.cc:534] Connection closed by peer [127.0.0.1]:1234")
    assert pretended_group == ["gloo", "left"]


def test_any_other_error_of_a_process_is_left_as_it_is(pretended_group):
    with refused(RuntimeError, "a bug"), distributed.process_group("cpu"):
        raise RuntimeError("a bug")
    assert pretended_group == ["gloo", "left"]


def test_each_process_takes_a_cuda_device_of_its_own(pretended_group, monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    with distributed.process_group("auto") as device:
        assert device == torch.device("cuda")
    assert (taken, pretended_group) == ([1], ["nccl", "left"])


def test_more_processes_than_cuda_devices_are_refused(pretended_group, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with refused(ParameterError, "--nproc-per-node: expected", "1 CUDA devices"), distributed.process_group("cuda"):
        pass
    assert pretended_group == []
