"""A second process against the same environments here; the toy's rewards and lengths are known."""

import os
import signal
import time

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


@pytest.mark.parametrize(("ending", "kept"), [("terminated", False), ("truncated", True)])
def test_an_ended_episode_gives_way_to_the_next_and_leaves_its_last_observation_if_cut_off(ending, kept):
    environments = begun(ending)
    step_environments(environments, [0, 1])
    observations, rewards, dones, unfinished = step_environments(environments, [1, 0])
    assert observations.tolist() == [[1, 0], [1, 2]] and observations.dtype == np.float32
    assert rewards.tolist() == [2, 2] and dones.tolist() == [True, False]
    assert {row: last.tolist() for row, last in unfinished.items()} == ({0: [0, 2]} if kept else {})


def test_a_second_process_steps_as_this_one_does():
    here, helper = begun(), HelperProcess(begun())
    for actions in ([0, 1], [1, 1], [0, 0], [1, 0], [0, 1]):
        helper.step_async(actions)
        theirs, ours = helper.step_wait(), step_environments(here, actions)
        for mine, other in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
        assert ours[3].keys() == theirs[3].keys()
    assert [s["actions"].tolist() for s in helper.snapshots()] == [e.snapshot()["actions"].tolist() for e in here]
    helper.close()
    assert not helper._process.is_alive()


def test_a_second_process_that_ends_is_told_of():
    helper = HelperProcess(begun())
    os.kill(helper._process.pid, signal.SIGKILL)
    helper._process.join()
    with pytest.raises(DataError, match="expert: expected the process of its environments to go on, got its end"):
        helper.snapshots()


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
        os.write(writer, helper._process.pid.to_bytes(4, "little"))
        time.sleep(60)
    child = int.from_bytes(os.read(reader, 4), "little")
    os.kill(child, signal.SIGINT)
    time.sleep(0.3)
    os.kill(child, 0)
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
