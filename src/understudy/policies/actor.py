"""Trained policies as actors of the interaction loop.

PolicyActor             -- a policy that plays
load_actor(folder, ...) -- one from disk, in the number format and on the device that it is to play with
playing_device(...)     -- which device that is
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.policies.act import Acting, is_small
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.spec import EnvironmentSpec
from understudy.step import Decision, Step
from understudy.utils.device import resolve_device
from understudy.utils.precision import resolve_precision


class PolicyActor:
    """A policy as an actor of the interaction loop; `play` are settings of its family's `begin`."""

    def __init__(self, policy: TrainedPolicy, play: Mapping[str, Any] | None = None) -> None:
        self.policy, self.play = policy, dict(play or {})
        self.acting: Acting  # from `start` on

    def start(self, num_rows: int) -> None:
        """Prepare for a batch of `num_rows` rows."""
        self.acting = Acting(self.policy, num_rows, self.play)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Forget the past of `rows`, where episodes with these `seeds` begin."""
        self.acting.reset(rows, seeds)

    def keep(self, rows: np.ndarray) -> None:
        """Go on with `rows` alone."""
        self.acting.keep(rows)

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        """The likeliest actions."""
        return self.acting.act(step)


def load_actor(
    folder: Path,
    play: Mapping[str, Any] | None = None,
    precision: str = "float32",
    device: str = "cpu",
    environment: EnvironmentSpec | None = None,
) -> PolicyActor:
    """Load a policy to play in a worker process: on one thread, since its tensors are tiny.

    Args:
        folder: of the policy.
        play: settings of its family's `begin`.
        precision: float32, bfloat16 or auto, the number format of a transformer's matrices and of its cache.
        device: cpu or cuda. The process that asks for a player on CUDA must not have used it before it began this one.
        environment: which of several tasks it plays; None where it has one.
    """
    torch.set_num_threads(1)
    policy = load_trained(folder)
    policy = policy if environment is None else policy.acting_in(environment)
    policy.model.to(torch.device(device))
    policy.model.set_compute_dtype(getattr(torch, resolve_precision(precision, torch.device(device))))
    return PolicyActor(policy, play)


def playing_device(policy: TrainedPolicy, name: str) -> torch.device:
    """The device that compute.device names, but the CPU for a small policy, whose steps take less time there.

    Raises:
        ParameterError: the policy is large and the device is not there.
    """
    return torch.device("cpu") if is_small(policy) else resolve_device(name)
