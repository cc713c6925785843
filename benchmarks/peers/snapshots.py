"""Weights of a stable-baselines3 training with the wall time at which it had them; ours and the zoo's trainings both carry it.

In `folder`: STEPS.safetensors, the policy's weights after STEPS environment steps, and times.json, {STEPS: seconds of training}.
"""

import json
import time
from pathlib import Path

import safetensors.torch
from stable_baselines3.common.callbacks import BaseCallback


class Snapshots(BaseCallback):
    """Save the weights at the first update after each `every` environment steps, and at the end; saving does not count."""

    def __init__(self, folder: str, every: int) -> None:
        super().__init__()
        self.folder, self.every, self.next, self.times = Path(folder), every, every, {}

    def _on_training_start(self) -> None:
        self.begun = time.perf_counter()

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self.next:
            self._save()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self.num_timesteps not in self.times:  # the zoo calls this twice
            self._save()
        (self.folder / "times.json").write_text(json.dumps(self.times))

    def _save(self) -> None:
        reached = time.perf_counter()
        self.times[self.num_timesteps] = reached - self.begun
        self.next = (self.num_timesteps // self.every + 1) * self.every
        weights = {name: tensor.contiguous() for name, tensor in self.model.policy.state_dict().items()}
        safetensors.torch.save_file(weights, self.folder / f"{self.num_timesteps}.safetensors")
        self.begun += time.perf_counter() - reached
