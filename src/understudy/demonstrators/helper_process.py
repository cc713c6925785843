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

ENDED = DataError("expert: expected the process of its environments to go on, got its end")

SECONDS_AWAKE = 0.002

Stepped = tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, np.ndarray]]


def step_environments(environments: Sequence[gymnasium.Env], actions: Sequence) -> Stepped:
    """Step every environment and begin anew those whose episode ends.

    Returns:
        observations (N, S) float32, rewards (N,) float32 and whether the episode has ended (N,) bool; and of the environments
        whose episode was truncated the last observation (S,).
    """
    observations, unfinished = [], {}
    rewards, dones = np.empty(len(environments), np.float32), np.zeros(len(environments), dtype=bool)
    for row, environment in enumerate(environments):
        observation, rewards[row], terminated, truncated, _ = environment.step(actions[row])
        if terminated or truncated:
            dones[row] = True
            if not terminated:
                unfinished[row] = np.asarray(observation, np.float32)
            observation = environment.reset()[0]
        observations.append(observation)
    return np.asarray(observations, np.float32), rewards, dones, unfinished


class HelperProcess:
    """A copy of `environments` as they are now, in a process that ends with this one. The ones here are no longer of use."""

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

    def begin_step(self, actions: Sequence) -> None:
        """Let the environments take a step; `finish_step` returns what came of it."""
        self._send(actions)

    def finish_step(self) -> Stepped:
        """As `step_environments`."""
        return self._receive()

    def snapshots(self) -> list[dict[str, Any]]:
        """How to rebuild each environment."""
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
            raise ENDED from None

    def _receive(self) -> Any:
        try:
            return _receive_awake(self._connection)
        except (EOFError, ConnectionResetError):
            raise ENDED from None


def _receive_awake(connection: Connection) -> Any:
    """The next message; a processor that has gone to sleep takes longer to wake than an environment to step.

    Other processes may run meanwhile, above all the one that is to send the message.
    """
    until = time.perf_counter() + SECONDS_AWAKE
    while not select.select([connection], [], [], 0)[0] and time.perf_counter() < until:
        os.sched_yield()
    return connection.recv()


def _serve(connection: Connection, parents: Connection, environments: Sequence[ReplayableEnvironment]) -> None:
    parents.close()  # so that the parent's end is closed everywhere when the parent goes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to report
    while True:
        try:
            actions = _receive_awake(connection)
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
