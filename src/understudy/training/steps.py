"""Training steps outside of any batch, for what a family measures before it learns.

training_steps(training) -- columns of them, read as they are asked for
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from understudy.sequences.dataset import Chunks, gather
from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.store import Sequences

MOST_STEPS = 1_000_000  # enough to measure any table on, and a small part of the largest recordings
DEMONSTRATIONS, DEMONSTRATION_STEPS = 5, 64  # that a model may keep of each task, and how many of their first steps
DEMONSTRATION_COLUMNS = ("demonstration_observation", "demonstration_action", "demonstration_length")


def training_steps(training: Sequences | SequenceMixture) -> Mapping[str, Tensor]:
    """Columns of K steps; of several tasks as wide as the interface says, and with `task` (K,) int64."""
    return MixedSteps(training) if isinstance(training, SequenceMixture) else TrainingSteps(training)


class TrainingSteps(Mapping[str, Tensor]):
    """Columns of K steps, all or evenly spaced ones; most families ask for none, and then nothing is read.

    observation (K, S), action (K,) or (K, A) and return_to_go (K,) are normalised, reward (K,) is raw, truncated (K,) bool says
    of which steps a limit cut the episode off, so that their return is not known. Beside them are the first steps of the first
    episodes, of their first agents: demonstration_observation (5, 64, S) and demonstration_action, and how many of these are
    real, demonstration_length (5,) int64, which is 0 where there are fewer episodes.

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
            case "truncated":
                sequences = np.searchsorted(training.offsets, chosen, side="right") - 1
                return torch.from_numpy(training.steps.episodes["truncated"][sequences])
        if name in DEMONSTRATION_COLUMNS:
            return self._demonstrations(name.removeprefix("demonstration_"))
        raise KeyError(name)

    def _demonstrations(self, name: str) -> Tensor:
        sequences, agents = self.training, self.training.spec.num_agents
        number = np.arange(DEMONSTRATIONS) % sequences.num_episodes * agents
        first = sequences.offsets[number]
        length = np.minimum(sequences.offsets[number + 1] - first, DEMONSTRATION_STEPS)
        if name == "length":
            return torch.from_numpy(np.where(np.arange(DEMONSTRATIONS) < sequences.num_episodes, length, 0))
        none = np.zeros_like(length)
        chunks = Chunks(first, length, none, none, number)
        return gather(sequences, chunks, DEMONSTRATION_STEPS, frozenset({name}))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("observation", "action", "reward", "return_to_go", "truncated", *DEMONSTRATION_COLUMNS))

    def __len__(self) -> int:
        return 5 + len(DEMONSTRATION_COLUMNS)


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
            case "observation" | "demonstration_observation":
                return torch.from_numpy(self.interface.pad_states(part[name].numpy()))
            case "action" | "demonstration_action":
                return torch.from_numpy(self.interface.pad_actions(number, part[name].numpy()))
        return part[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.parts[0], "task"))

    def __len__(self) -> int:
        return len(self.parts[0]) + 1
