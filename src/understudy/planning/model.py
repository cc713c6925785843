"""What planning asks of a model of trajectories.

TrajectoryModel -- a causal model over discretised steps
ImaginedStep    -- what it expects to happen

B rows, D width, V vocabulary. A step is M tokens, S of its state, A of its action, one of its reward: position p is one of 0 to
M - 1, and the logits at position p are those of the token after it, which at the reward's is the next state's first.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from understudy.nn.step_tokens import StepTokens
from understudy.nn.trunk import Trunk


class TrajectoryModel(Protocol):
    """A causal model over discretised steps.

    Attributes:
        tokens: what the tokens of a step stand for.
        trunk: over them.
    """

    tokens: StepTokens
    trunk: Trunk

    def embed(self, tokens: Tensor, position: int, states: Tensor) -> Tensor:
        """Embedded tokens (..., D) of tokens (...) int64 at this position, after the last whole state (..., S)."""

    def next_logits(self, features: Tensor, position: int) -> Tensor:
        """Logits (..., V) of the token after this position, from its features (..., D); -inf where there is no such token."""

    def expected_return(self, features: Tensor) -> Tensor:
        """Raw return-to-go (...) that is expected, the step's own reward counted, from the features (..., D) of its reward."""

    def stop_logits(self, features: Tensor) -> Tensor:
        """Logits (...) that the environment ends the episode with the step, from the features (..., D) of its reward."""


@dataclass(frozen=True)
class ImaginedStep:
    """What a model expects to happen in B rows.

    Attributes:
        actions: (B,) int64 or (B, A), normalised.
        rewards: (B,) raw.
        stops: (B,) bool, whether the environment ends the episode with this step.
        states: (B, S), normalised, that come after it.
    """

    actions: Tensor
    rewards: Tensor
    stops: Tensor
    states: Tensor
