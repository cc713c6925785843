"""A second process against the same environments here; the toy's rewards and lengths are known."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.toys import CountingEnvironment
from understudy.demonstrators.helper_process import HelperProcess, step_environments
from understudy.environments.replay import ReplayableEnvironment
from understudy.errors import DataError


def begun(ending: str = "truncated") -> list[ReplayableEnvironment]:
    """Episodes of 2 and of 3 steps, at their start."""
    environments = [ReplayableEnvironment(CountingEnvironment(ending)) for _ in range(2)]
    for seed, environment in enumerate(environments):
        environment.reset(seed=seed)
    return environments


@pytest.mark.parametrize(("ending", "kept"), [("terminated", False), ("truncated", True), ("both", False)])
def test_an_ended_episode_gives_way_to_the_next_and_leaves_its_last_observation_if_cut_off(ending, kept):
    environments = begun(ending)
    step_environments(environments, [0, 1])
    observations, rewards, dones, unfinished = step_environments(environments, [1, 0])
    assert observations.tolist() == [[1, 0], [1, 2]] and observations.dtype == np.float32
    assert rewards.tolist() == [2, 2] and dones.tolist() == [True, False]
    assert rewards.dtype == np.float32 and dones.dtype == np.bool_
    assert {row: last.tolist() for row, last in unfinished.items()} == ({0: [0, 2]} if kept else {})


class Precise(CountingEnvironment):
    """Observes in float64."""

    def _observe(self) -> np.ndarray:
        return super()._observe().astype(np.float64)


def test_observations_of_double_precision_are_rounded():
    environment = ReplayableEnvironment(Precise("truncated"))
    environment.reset(seed=0)
    step_environments([environment], [0])
    observations, _, _, final_observations = step_environments([environment], [0])
    assert observations.dtype == final_observations[0].dtype == np.float32


def test_a_second_process_steps_as_this_one_does():
    here, helper = begun(), HelperProcess(begun())
    for actions in ([0, 1], [1, 1], [0, 0], [1, 0], [0, 1]):
        helper.step_async(actions)
        theirs, ours = helper.step_wait(), step_environments(here, actions)
        for mine, other in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
        assert {row: last.tolist() for row, last in ours[3].items()} == {k: v.tolist() for k, v in theirs[3].items()}
    assert [s["actions"].tolist() for s in helper.snapshots()] == [e.snapshot()["actions"].tolist() for e in here]
    helper.close()
    assert not helper._process.is_alive()


def test_a_second_process_that_ends_is_told_of():
    helper = HelperProcess(begun())
    os.kill(helper._process.pid, signal.SIGKILL)
    helper._process.join()
    with pytest.raises(DataError, match=r"^expert: expected the process of its environments to go on, got its end$"):
        helper.snapshots()


def test_a_second_process_that_ends_before_it_answers_is_told_of():
    helper = HelperProcess(begun())
    os.kill(helper._process.pid, signal.SIGSTOP)
    helper.step_async([0, 1])
    os.kill(helper._process.pid, signal.SIGKILL)
    with pytest.raises(DataError, match=r"^expert: expected the process of its environments to go on, got its end$"):
        helper.step_wait()


def test_a_second_process_sleeps_while_there_is_nothing_to_do():
    helper = HelperProcess(begun())
    time.sleep(0.6)
    ticks = sum(map(int, Path(f"/proc/{helper._process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    helper.close()
    assert ticks / os.sysconf("SC_CLK_TCK") < 0.2


def test_a_program_that_leaves_its_second_process_open_ends():
    """Else each of the two would wait for the other's end."""
    program = "from tests.demonstrators.test_helper_process import *; kept = HelperProcess(begun()); kept.snapshots()"
    subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}
    )


@pytest.mark.parametrize(("methods", "possible"), [(["spawn"], False), (["fork", "spawn"], True)])
def test_a_second_process_needs_fork(methods, possible, monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: methods)
    assert HelperProcess.possible() is possible


@pytest.mark.parametrize("answered", [False, True])
def test_a_second_process_that_is_left_in_the_middle_of_a_step_says_nothing(answered, capfd):
    """Closed while it steps, and closed while its answer lies unread."""
    helper = HelperProcess(begun())
    helper.step_async([0, 1])
    if answered:
        assert helper._connection.poll(10)
    helper.close()
    assert helper._process.exitcode == 0
    assert capfd.readouterr().err == ""


def test_a_second_process_leaves_with_its_parent_and_not_at_ctrl_c():
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        helper = HelperProcess(begun())
        helper.snapshots()  # it is past its own beginning
        os.write(writer, helper._process.pid.to_bytes(4, "little"))
        time.sleep(60)
    child = int.from_bytes(os.read(reader, 4), "little")
    os.kill(child, signal.SIGINT)
    time.sleep(0.3)
    assert _runs(child)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    for _ in range(100):
        if not _runs(child):
            break
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    """Whether a process is there and not merely waiting to be noticed by its parent."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
