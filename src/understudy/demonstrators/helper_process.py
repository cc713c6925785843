"""Environments in a second process, which step while others step in this one.

step_environments(environments, actions) -- one step of each, here
HelperProcess(environments)              -- the same, there; what happens does not depend on where

N environments, S observation components.
"""

import multiprocessing
import os
import select
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
import numpy as np

from understudy.environments.replay import ReplayableEnvironment
from understudy.errors import DataError

PROCESS_ENDED = DataError("expert: expected the process of its environments to go on, got its end")
SPIN_SECONDS = 0.002

# Observations (N, S), rewards (N,), dones (N,), and the last observations (S,) of truncated episodes by environment.
StepResult = tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, np.ndarray]]


def step_environments(environments: Sequence[gymnasium.Env], actions: Sequence) -> StepResult:
    """Step every environment and reset those whose episode ends.

    Args:
        environments: N of them, each within an episode.
        actions: one for each.

    Returns:
        Observations (N, S) float32, those of the next episode where one has ended; raw rewards (N,) float32; whether the
        episode has ended (N,) bool; and of the environments whose episode was truncated, and not terminated at the same step,
        the last observation (S,) float32 by their number.
    """
    observations, final_observations = [], {}
    rewards, dones = np.empty(len(environments), np.float32), np.zeros(len(environments), dtype=bool)
    for row, environment in enumerate(environments):
        observation, rewards[row], terminated, truncated, _ = environment.step(actions[row])
        if terminated or truncated:
            dones[row] = True
            if not terminated:
                final_observations[row] = np.asarray(observation, np.float32)
            observation = environment.reset()[0]
        observations.append(observation)
    return np.asarray(observations, np.float32), rewards, dones, final_observations


class HelperProcess:
    """A copy of `environments` as they are now, in a process that ends with this one.

    Args:
        environments: N of them, each within an episode; those here stand still from now on.

    Raises:
        DataError: by any method but `close`, where the process has ended.
    """

    @staticmethod
    def possible() -> bool:
        """Whether this machine can hand environments to another process as they are."""
        return "fork" in multiprocessing.get_all_start_methods()

    def __init__(self, environments: Sequence[ReplayableEnvironment]) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._connection, environments), daemon=True)
        self._process.start()
        theirs.close()

    def step_async(self, actions: Sequence) -> None:
        """Let each of the N environments take its action; `step_wait` returns what came of it."""
        self._send(actions)

    def step_wait(self) -> StepResult:
        """What `step_environments` returns, for the last `step_async`."""
        return self._receive()

    def snapshots(self) -> list[dict[str, Any]]:
        """How to rebuild each of the N environments as it is now, for ReplayableEnvironment.restore."""
        self._send(None)
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except BrokenPipeError:
            raise PROCESS_ENDED from None

    def _receive(self) -> Any:
        try:
            return _receive_spinning(self._connection)
        except (EOFError, ConnectionResetError):
            raise PROCESS_ENDED from None


def _receive_spinning(connection: Connection) -> Any:
    """The next message; a processor that has gone to sleep takes longer to wake than an environment to step.

    Other processes may run meanwhile, above all the one that is to send the message.
    """
    deadline = time.perf_counter() + SPIN_SECONDS
    while not select.select([connection], [], [], 0)[0] and time.perf_counter() < deadline:
        os.sched_yield()
    return connection.recv()


def _serve(connection: Connection, parents: Connection, environments: Sequence[ReplayableEnvironment]) -> None:
    parents.close()  # so that the parent's end is closed everywhere when the parent goes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to report
    while True:
        try:
            actions = _receive_spinning(connection)
        except (EOFError, ConnectionError):  # the parent has gone
            return
        if actions is None:
            answer = [environment.snapshot() for environment in environments]
        else:
            answer = step_environments(environments, actions)
        try:
            connection.send(answer)
        except ConnectionError:
            return
