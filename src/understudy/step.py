"""What passes between the interaction loop and who acts in it, one environment step at a time.

Step     -- what B rows are told before they act
Decision -- what they decide

The same two travel as NumPy arrays in the environment's units (loop and actors) and as normalised tensors (models). S observation
components, A action entries. Their fields are those of RLDS (Ramos et al., 2021).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", np.ndarray, "Tensor")


@dataclass(frozen=True)
class Step(Generic[Array]):
    """What B rows are told at a step.

    Attributes:
        observation: (B, S) float32.
        previous_action: (B,) int64 or (B, A) float32, what was executed at the step before; zero at an episode's first.
        previous_reward: (B,) float32, raw, what that step was paid; zero at an episode's first.
        is_first: (B,) bool, whether an episode begins.
    """

    observation: Array
    previous_action: Array
    previous_reward: Array
    is_first: Array


@dataclass(frozen=True)
class Decision(Generic[Array]):
    """What B rows decide.

    Attributes:
        actions: (B,) int64 or (B, A) float32.
        options: (B,) int64, the option that each row follows; None for those without options.
        predictions: (B, A) float32, the logits or means that the actions were chosen from, in a model's units; None where there
            are none.
    """

    actions: Array
    options: Array | None = None
    predictions: Array | None = None
