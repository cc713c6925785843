"""Training steps outside of any batch, for what a family measures before it learns.

training_steps(training) -- columns of them, read as they are asked for
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.store import Sequences

MOST_STEPS = 1_000_000  # enough to measure any table on, and a small part of the largest recordings


def training_steps(training: Sequences | SequenceMixture) -> Mapping[str, Tensor]:
    """Columns of K steps; of several tasks as wide as the interface says, and with `task` (K,) int64."""
    return MixedSteps(training) if isinstance(training, SequenceMixture) else TrainingSteps(training)


class TrainingSteps(Mapping[str, Tensor]):
    """Columns of K steps, all or evenly spaced ones; most families ask for none, and then nothing is read.

    observation (K, S), action (K,) or (K, A) and return_to_go (K,) are normalised, reward (K,) is raw.

    Args:
        training: where they come from.
        most: K at most.
    """

    def __init__(self, training: Sequences, most: int = MOST_STEPS) -> None:
        self.training, self.chosen = training, np.arange(0, training.num_steps, -(-training.num_steps // most))

    def __getitem__(self, name: str) -> Tensor:
        """Read a column."""
        training, task, chosen = self.training, self.training.task, self.chosen
        match name:
            case "observation":
                return torch.from_numpy(task.normalize_states(training.states[chosen]))
            case "action":
                return torch.from_numpy(task.normalize_actions(training.actions[chosen]))
            case "reward":
                return torch.from_numpy(training.rewards[chosen])
            case "return_to_go":
                return torch.from_numpy(task.normalize_returns(training.returns_to_go[chosen]))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("observation", "action", "reward", "return_to_go"))

    def __len__(self) -> int:
        return 4


class MixedSteps(Mapping[str, Tensor]):
    """Columns of steps of several tasks, one task after the other.

    Args:
        training: where they come from.
        most: K at most.
    """

    def __init__(self, training: SequenceMixture, most: int = MOST_STEPS) -> None:
        self.interface = training.interface
        self.parts = [TrainingSteps(part, most // len(training.parts)) for part in training.parts]

    def __getitem__(self, name: str) -> Tensor:
        """Read a column."""
        return torch.cat([self._column(name, number, part) for number, part in enumerate(self.parts)])

    def _column(self, name: str, number: int, part: TrainingSteps) -> Tensor:
        match name:
            case "task":
                return torch.full((len(part.chosen),), number)
            case "observation":
                return torch.from_numpy(self.interface.pad_states(part[name].numpy()))
            case "action":
                return torch.from_numpy(self.interface.pad_actions(number, part[name].numpy()))
        return part[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.parts[0], "task"))

    def __len__(self) -> int:
        return len(self.parts[0]) + 1
