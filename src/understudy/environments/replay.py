"""Environments whose state can be rebuilt: by playing their episode's actions again from the random state it began with."""

from typing import Any, SupportsFloat

import gymnasium
import numpy as np


class ReplayableEnvironment(gymnasium.Wrapper):
    """Remembers how the present episode began and what was done in it; its state is a function of that."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._seed = seed
        self._generator = None if seed is not None else self.unwrapped.np_random.bit_generator.state
        self._actions: list[np.ndarray] = []
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        self._actions.append(np.array(action))
        return self.env.step(action)

    def snapshot(self) -> dict[str, Any]:
        """The episode's beginning and its actions, (T,) or (T, A)."""
        actions = np.stack(self._actions) if self._actions else np.zeros(0)
        return {"seed": self._seed, "generator": self._generator, "actions": actions}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Play a snapshot's episode again up to where it was taken."""
        if snapshot["seed"] is None:
            self.unwrapped.np_random.bit_generator.state = snapshot["generator"]
        self.reset(seed=snapshot["seed"])
        for action in snapshot["actions"]:
            self.step(action)
