"""Repeat what was shown some steps ago, after RepeatPrevious of POPGym (Morad et al., 2023). studies/memory uses it.

RepeatPrevious   -- the environment, `repeat_previous:RepeatPrevious-v0`
act(observation) -- its demonstrator, who reads `answer`, which students must not see
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class RepeatPrevious(gymnasium.Env[dict[str, np.ndarray | np.int64], int]):
    """Shows a random symbol a step; the action has to be the symbol of `delay` steps before.

    Observations, in the order in which they are flattened: `answer`, the symbol of `delay` steps before, 0 until there is one;
    `symbol`, the present one. A correct action is worth 1 / (steps - delay) from step `delay` on, and nothing before it, so that
    an episode returns the share of correct answers: 1 / symbols on average for who does not know them, and for a random actor.

    Args:
        symbols: how many there are, at least 2.
        delay: steps between symbol and action, at least 1.
        steps: of an episode.
        render_mode: None, there is nothing to draw.

    Raises:
        ValueError: a number is out of its range.
    """

    def __init__(self, symbols: int, delay: int, steps: int, render_mode: None = None) -> None:
        if symbols < 2 or not 1 <= delay < steps:
            raise ValueError(
                f"symbols, delay, steps: expected symbols >= 2 and 1 <= delay < steps, got {symbols}, {delay}, {steps}"
            )
        self.symbols, self.delay, self.steps = symbols, delay, steps
        self.observation_space = spaces.Dict(
            {"answer": spaces.Box(0.0, symbols - 1.0, ()), "symbol": spaces.Discrete(symbols)}
        )
        self.action_space = spaces.Discrete(symbols)
        self.shown: list[int] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray | np.int64], dict[str, Any]]:
        """Show a first symbol."""
        super().reset(seed=seed)
        self.shown = []
        return self._show(), {}

    def step(self, action: int) -> tuple[dict[str, np.ndarray | np.int64], float, bool, bool, dict[str, Any]]:
        """Judge the action and show another symbol."""
        correct = len(self.shown) > self.delay and action == self._answer()
        ended = len(self.shown) == self.steps
        return self._show(), float(correct) / (self.steps - self.delay), ended, False, {}

    def _show(self) -> dict[str, np.ndarray | np.int64]:
        self.shown.append(int(self.np_random.integers(self.symbols)))
        return {"answer": np.asarray(self._answer(), np.float32), "symbol": np.int64(self.shown[-1])}

    def _answer(self) -> int:
        return self.shown[-1 - self.delay] if len(self.shown) > self.delay else 0


def act(observation: np.ndarray) -> int:
    """The action that `answer` says; observation (1 + symbols,) of a flattened RepeatPrevious."""
    return int(observation[0])


gymnasium.register("RepeatPrevious-v0", entry_point=RepeatPrevious)
