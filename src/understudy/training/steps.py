"""Training steps outside of any batch, for what a family measures before it learns.

training_steps(training) -- columns of them
"""

import numpy as np
import torch
from torch import Tensor

from understudy.sequences.store import Sequences

MOST_STEPS = 1_000_000  # enough to measure any table on, and a small part of the largest recordings


def training_steps(training: Sequences, most: int = MOST_STEPS) -> dict[str, Tensor]:
    """Columns of K steps, all or evenly spaced ones.

    Args:
        training: where they come from.
        most: K at most.

    Returns:
        observation (K, S), action (K,) or (K, A) and return_to_go (K,), normalised; reward (K,), raw.
    """
    chosen = np.arange(0, training.num_steps, -(-training.num_steps // most))
    task = training.task
    columns = {
        "observation": task.normalize_states(training.states[chosen]),
        "action": task.normalize_actions(training.actions[chosen]),
        "reward": training.rewards[chosen],
        "return_to_go": task.normalize_returns(training.returns_to_go[chosen]),
    }
    return {name: torch.from_numpy(values) for name, values in columns.items()}
