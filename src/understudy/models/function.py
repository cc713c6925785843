"""A function of the user's own as a demonstrator: from one observation to one action.

B rows, S state, A action.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from understudy.errors import DataError, ParameterError
from understudy.nn.row_memory import RowMemory
from understudy.step import Decision, Step
from understudy.utils.named import load_named


class FunctionActor(nn.Module):
    """Asks a function for each row's action; it remembers nothing and has no weights.

    Args:
        action_dim: choices, or A.
        discrete_actions: whether actions are choices.
        name: module:function; it gets an observation (S,) float32, in the environment's units, and returns a choice or
            (A,) floats.
    """

    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    device_marker: Tensor

    def __init__(self, action_dim: int, discrete_actions: bool, name: str) -> None:
        super().__init__()
        self.action_dim, self.discrete_actions, self.name = action_dim, discrete_actions, name
        self.register_buffer("device_marker", torch.zeros(0), persistent=False)  # says where states are wanted
        self.function: Callable[[np.ndarray], Any] | None = (
            None  # imported when it is to play: loading executes nothing
        )

    def forward(self, states: Tensor) -> Tensor:
        """Actions (B,) int64 or (B, A) float32 for states (B, S).

        Raises:
            DataError: the function fails, or returns what is no action.
        """
        return torch.stack([torch.from_numpy(self._ask(state)) for state in states.cpu().numpy()]).to(states.device)

    def _load(self) -> Callable[[np.ndarray], Any]:
        self.function = self.function or load_named(self.name, "expert.function.name")
        return self.function

    def _ask(self, state: np.ndarray) -> np.ndarray:
        try:
            action = np.asarray(self._load()(state))
        except Exception as error:  # the user's code may raise anything
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise DataError(f"{self.name}: expected an action for an observation, got {problem}") from None
        expected = f"one of 0 to {self.action_dim - 1}" if self.discrete_actions else f"{self.action_dim} numbers"
        if self.discrete_actions:
            valid = action.shape == () and action.dtype.kind in "iu" and 0 <= action < self.action_dim
        else:
            valid = action.shape == (self.action_dim,) and action.dtype.kind in "iuf" and np.isfinite(action).all()
        if not valid:
            raise DataError(f"{self.name}: expected {expected} as an action, got {' '.join(str(action).split())}")
        return action.astype(np.int64 if self.discrete_actions else np.float32)

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Nothing here multiplies matrices."""

    def begin(self, num_rows: int) -> RowMemory:
        """Import the function; there is nothing to remember.

        Raises:
            ParameterError: it cannot be imported, or is no function.
        """
        if not callable(self._load()):
            raise ParameterError(f"expert.function.name: expected a function, got {self.name}")
        return RowMemory(num_rows)

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """The function's actions; nothing in them is left to chance."""
        return Decision(self(step.observation))


FAMILY = FunctionActor
