"""Trained policies as actors of the interaction loop.

PolicyActor             -- a policy that plays
load_actor(folder, ...) -- one from disk, in the number format and on the device that it is to play with
playing_device(...)     -- which device that is
"""

from pathlib import Path

import numpy as np
import torch

from understudy.policy import Memory, Policy, load_policy
from understudy.utils.device import resolve_device
from understudy.utils.precision import resolve_precision

LARGE = 10_000_000  # weights


class PolicyActor:
    """A policy as an actor of the interaction loop.

    With `shuffle_options` every option that the high level chooses is exchanged for another, by a rotation that derives
    from the episode's seed; what a policy loses by that is what its options are worth.
    """

    def __init__(self, policy: Policy, shuffle_options: bool = False) -> None:
        self.policy = policy
        self.shuffle_options = shuffle_options
        self.memory: Memory | None = None

    def start(self, num_rows: int) -> None:
        self.memory = self.policy.new_memory(num_rows)

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        begun = torch.from_numpy(rows).to(self.memory.device)
        self.memory.play.reset(begun)
        if self.shuffle_options:
            shifts = 1 + torch.from_numpy(seeds) % (self.policy.model.num_options - 1)
            self.memory.play.memory["option_shift"][begun] = shifts.to(self.memory.device)

    def keep(self, rows: np.ndarray) -> None:
        self.memory.play.keep(torch.from_numpy(rows).to(self.memory.device))

    def act(self, observations: np.ndarray) -> np.ndarray:
        return self.policy.act(self.memory, observations)

    def options(self) -> np.ndarray | None:
        followed = self.memory.play.memory.get("option")
        return None if followed is None else followed.cpu().numpy().astype(np.int16)


def load_actor(
    folder: Path, shuffle_options: bool = False, precision: str = "float32", device: str = "cpu"
) -> PolicyActor:
    """Load a policy to play in a worker process: on one thread, since its tensors are tiny.

    `precision` float32, bfloat16 or auto is the number format of a transformer's matrices and of its cache; `device` cpu or cuda
    is where they are. The process that asks for a player on CUDA must not have used it before it began this one.
    """
    torch.set_num_threads(1)
    policy = load_policy(folder)
    policy.model.to(device)
    if hasattr(policy.model, "trunk"):
        policy.model.trunk.multiply_in(getattr(torch, resolve_precision(precision, torch.device(device))))
    return PolicyActor(policy, shuffle_options)


def playing_device(policy: Policy, name: str) -> torch.device:
    """The device that compute.device names, but the CPU for a small policy, whose steps take less time there.

    Raises:
        ParameterError: the policy is large and the device is not there.
    """
    weights = sum(tensor.numel() for tensor in policy.model.parameters())
    return torch.device("cpu") if weights < LARGE else resolve_device(name)
