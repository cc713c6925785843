"""The script for simple_spread of mpe2: agents share out the landmarks and steer to them. Nothing in it is learnt.

B rows, N agents, S observation components. An observation of an agent holds its velocity, its position, the way to each of N
landmarks and then to each of the N - 1 other agents, two entries each; x grows to the right, y upwards.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from understudy.nn.heads import choose_actions
from understudy.nn.row_memory import RowMemory
from understudy.step import Decision, Step

STAY, LEFT, RIGHT, DOWN, UP = range(5)


class SpreadScript(nn.Module):
    """Each agent goes to the landmark that is its own where the squares of all agents' ways have the smallest sum.

    Squares, since which of two assignments is shorter is then a product of differences of places, which students learn more
    easily than sums of roots, and since no agent is left with a long way.

    It steers by a proportional-derivative rule on what is lacking between the landmark and the place at which it would come to
    rest, its position and `stopping_distance` times its velocity. With choices it acts where that is more than `tolerance` in x
    or y, first along the longer way; with action vectors its force is in proportion, and full from `tolerance` on.

    Args:
        state_dim: S.
        num_agents: N.
        stopping_distance: units of length a unit of speed.
        tolerance: units of length.
        discrete_actions: whether actions are choices; else vectors of five forces from 0 to 1, in the choices' order.

    Raises:
        ValueError: observations are too short to tell of so many agents.
    """

    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    choices: Tensor

    def __init__(
        self, state_dim: int, num_agents: int, stopping_distance: float, tolerance: float, discrete_actions: bool
    ) -> None:
        super().__init__()
        if state_dim < 4 * num_agents + 2:
            raise ValueError(f"num_agents: expected {state_dim} entries to tell of all agents, got {num_agents} agents")
        self.num_agents, self.stopping_distance, self.tolerance = num_agents, stopping_distance, tolerance
        self.discrete_actions = discrete_actions
        self.register_buffer("choices", torch.eye(len((STAY, LEFT, RIGHT, DOWN, UP))).log(), persistent=False)

    def forward(self, states: Tensor) -> Tensor:
        """Action predictions (B, 5) for states (B, S): an action vector, or logits that leave no other choice."""
        observations = states.cpu().double().numpy()
        ways, velocity = self._ways(observations), observations[:, :2]
        lacking = ways - self.stopping_distance * velocity
        if not self.discrete_actions:
            force = np.clip(lacking / self.tolerance, -1.0, 1.0)
            forces = np.zeros((len(force), len(self.choices)))
            forces[:, [LEFT, DOWN]], forces[:, [RIGHT, UP]] = np.maximum(-force, 0.0), np.maximum(force, 0.0)
            return torch.from_numpy(forces).float().to(states.device)
        along, rows = np.abs(lacking).argmax(axis=1), np.arange(len(lacking))
        longest = lacking[rows, along]
        towards = np.where(longest > 0, np.asarray([RIGHT, UP])[along], np.asarray([LEFT, DOWN])[along])
        return self.choices[torch.from_numpy(np.where(np.abs(longest) > self.tolerance, towards, STAY))]

    def _ways(self, observations: np.ndarray) -> np.ndarray:
        """The way of each agent to its own landmark, (B, 2)."""
        rows, count = len(observations), self.num_agents
        landmarks = observations[:, 4 : 4 + 2 * count].reshape(rows, count, 2)
        others = observations[:, 4 + 2 * count : 2 + 4 * count].reshape(rows, count - 1, 2)
        agents = np.concatenate([np.zeros((rows, 1, 2)), others], axis=1)
        squares = ((agents[:, :, None] - landmarks[:, None]) ** 2).sum(axis=-1)  # (B, agents, landmarks)
        own = [linear_sum_assignment(each)[1][0] for each in squares]
        return landmarks[np.arange(rows), own]

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Nothing here multiplies matrices."""

    def begin(self, num_rows: int) -> RowMemory:
        """Nothing to remember."""
        return RowMemory(num_rows)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; nothing in them is left to chance."""
        preds = self(step.observation)
        return Decision(choose_actions(preds, None, self.discrete_actions, generator), predictions=preds)


FAMILY = SpreadScript
