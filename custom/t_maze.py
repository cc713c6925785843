"""A T-maze: which way to turn at the end of a corridor is shown at its beginning alone.

After Bakker, "Reinforcement learning with long short-term memory" (2002), with a corridor whose length changes from episode to
episode, so that there is no fixed number of steps to look back. studies/memory uses it.

TMaze            -- the environment, `t_maze:TMaze-v0`
act(observation) -- its demonstrator, who reads `answer`, which students must not see
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

FORWARD, LEFT, RIGHT = range(3)
SIDES = {LEFT: -1.0, RIGHT: 1.0}
LATEST_TURN = 100  # steps, after which an agent that does not turn has lost


class TMaze(gymnasium.Env[dict[str, np.ndarray], int]):
    """A corridor in which every action is a step forward, and a junction at which a turn ends the episode.

    Observations, in the order in which they are flattened: `answer`, -1 where one has to turn left and 1 where right; `cue`, the
    same at an episode's first step and 0 at all others; `junction`, 1 at the corridor's end, else 0. Forward, at the junction,
    runs against the wall. The reward is 1 for the correct turn, else 0: who turns without knowing the cue returns 0.5 on average,
    and a random actor too.

    Args:
        shortest: fewest steps from the cue to the junction, at least 1.
        longest: most steps; each length between is as likely.
        render_mode: None, there is nothing to draw.

    Raises:
        ValueError: the lengths are not in order.
    """

    def __init__(self, shortest: int, longest: int, render_mode: None = None) -> None:
        if not 1 <= shortest <= longest < LATEST_TURN:
            raise ValueError(
                f"shortest, longest: expected 1 <= shortest <= longest < {LATEST_TURN}, got {shortest} and {longest}"
            )
        self.shortest, self.longest = shortest, longest
        side = spaces.Box(-1.0, 1.0, ())
        self.observation_space = spaces.Dict({"answer": side, "cue": side, "junction": spaces.Box(0.0, 1.0, ())})
        self.action_space = spaces.Discrete(3)
        self.place = self.length = 0
        self.answer = LEFT

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Enter another maze: its length and its side are drawn."""
        super().reset(seed=seed)
        self.place = 0
        self.length = int(self.np_random.integers(self.shortest, self.longest + 1))
        self.answer = int(self.np_random.choice([LEFT, RIGHT]))
        return self._observe(), {}

    def step(self, action: int) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Walk, or turn at the junction."""
        turned = self.place == self.length and action != FORWARD
        self.place = min(self.place + 1, self.length)
        return self._observe(), float(turned and action == self.answer), turned, False, {}

    def _observe(self) -> dict[str, np.ndarray]:
        side = SIDES[self.answer]
        values = {"answer": side, "cue": side if self.place == 0 else 0.0, "junction": self.place == self.length}
        return {name: np.asarray(value, np.float32) for name, value in values.items()}


def act(observation: np.ndarray) -> int:
    """Forward, and at the junction the turn that `answer` says; observation (3,) of a flattened TMaze."""
    answer, _, junction = observation
    if not junction:
        return FORWARD
    return RIGHT if answer > 0 else LEFT


gymnasium.register("TMaze-v0", entry_point=TMaze, max_episode_steps=LATEST_TURN)
