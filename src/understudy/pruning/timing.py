"""How long policies take for a step.

microseconds_a_step(policies, observations, ...) -- of each, at one number of rows
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from understudy.policies.act import Acting
from understudy.policies.files import TrainedPolicy
from understudy.step import Step


def microseconds_a_step(
    policies: Mapping[str, tuple[TrainedPolicy, dict[str, Any]]], observations: np.ndarray, rounds: int, steps: int
) -> dict[str, float]:
    """The time of a step of all rows in microseconds, on one thread, in the quickest round, which the least has disturbed.

    In a round all policies take their steps one after the other, so that what else the machine does meets all of them.

    Args:
        policies: by name, each with the settings of its family's `begin`.
        observations: (B, S) float32, raw, what the rows see at every step.
        rounds: at least 1.
        steps: of each policy in a round.
    """
    torch.set_num_threads(1)
    rows = len(observations)
    acting = {name: Acting(policy, rows, play) for name, (policy, play) in policies.items()}
    for each in acting.values():
        each.reset(np.arange(rows))
    taken: dict[str, list[float]] = {name: [] for name in policies}
    for _ in range(rounds):
        for name, each in acting.items():
            step = _same_again(each.policy, observations)
            begin = time.perf_counter()
            for _ in range(steps):
                each.act(step)
            taken[name].append(1e6 * (time.perf_counter() - begin) / steps)
    return {name: min(values) for name, values in taken.items()}


def _same_again(policy: TrainedPolicy, observations: np.ndarray) -> Step[np.ndarray]:
    """A step in the midst of an episode."""
    rows, task = len(observations), policy.task
    action = np.zeros(rows, np.int64) if task.discrete_actions else np.zeros((rows, task.action_dim), np.float32)
    return Step(observations, action, np.zeros(rows, np.float32), np.zeros(rows, bool))
