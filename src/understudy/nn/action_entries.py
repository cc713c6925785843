"""Actions as tokens: a choice is one, a vector's entries are one after the other, each in the nearest of evenly spaced values.

N entries of an action, V values of each, A entries of a vector.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ActionEntries:
    """What the tokens of an action stand for.

    Args:
        action_dim: choices, or A.
        discrete_actions: whether actions are choices; vectors have entries between -1 and 1.
        num_bins: values of each entry of a vector, from -1 to 1, both included.

    Raises:
        ValueError: an entry would have a single value.
    """

    action_dim: int
    discrete_actions: bool
    num_bins: int

    def __post_init__(self) -> None:
        if not self.discrete_actions and self.num_bins < 2:
            raise ValueError(f"num_bins: expected at least 2, got {self.num_bins}")

    @property
    def count(self) -> int:
        """N: 1, or A."""
        return 1 if self.discrete_actions else self.action_dim

    @property
    def num_values(self) -> int:
        """V: choices, or values of an entry."""
        return self.action_dim if self.discrete_actions else self.num_bins

    def encode(self, actions: Tensor) -> Tensor:
        """Tokens (..., N) int64 of actions (...) int64 or (..., A) float32; an entry outside of -1 to 1 counts for the nearer."""
        if self.discrete_actions:
            return actions[..., None]
        return ((actions.clamp(-1, 1) + 1) / 2 * (self.num_bins - 1)).round().long()

    def decode(self, tokens: Tensor) -> Tensor:
        """Actions (...) int64 or (..., A) float32 of tokens (..., N) int64."""
        if self.discrete_actions:
            return tokens[..., 0]
        return tokens.to(torch.float32) / (self.num_bins - 1) * 2 - 1
