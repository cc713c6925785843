"""A trained policy that acts on raw observations, rows at a time.

Acting           -- a policy and its memory of some rows: what the interaction loop and `predict` share
is_small(policy) -- whether one thread of the CPU is the place to play it
"""

import itertools
from typing import Any

import numpy as np
import torch

from understudy.errors import DataError
from understudy.policies.files import TrainedPolicy
from understudy.step import Decision, Step

FARTHEST = 1e8
SMALL = 10_000_000  # weights, below which a step takes less time on one thread of the CPU


def is_small(policy: TrainedPolicy) -> bool:
    """Whether a step of the policy is too short to be divided among threads, or to be sent to a GPU."""
    return sum(weights.numel() for weights in policy.model.parameters()) < SMALL


class Acting:
    """B rows, environments x agents, in which a policy acts.

    Args:
        policy: whose model decides; observations and actions are on the CPU wherever the model is.
        num_rows: B.
        play: settings of the family's `begin`.
    """

    def __init__(self, policy: TrainedPolicy, num_rows: int, play: dict[str, Any]) -> None:
        self.policy, self.task, self.number = policy, policy.task, policy.task_number or 0
        self.device = next(itertools.chain(policy.model.parameters(), policy.model.buffers())).device
        with self.device:
            self.memory = policy.model.begin(num_rows, **play)
            self.memory.task_ids = torch.full((num_rows,), self.number)

    def reset(self, rows: np.ndarray, seeds: np.ndarray | None = None) -> None:
        """Forget the past of `rows` (R,) int64, whose episodes begin now, with `seeds` (R,) int64 where they are known."""
        self.memory.reset(
            torch.from_numpy(rows).to(self.device), None if seeds is None else torch.from_numpy(seeds).to(self.device)
        )

    def keep(self, rows: np.ndarray) -> None:
        """Go on with `rows` alone; row i is what was row rows[i]."""
        self.memory.keep(torch.from_numpy(rows).to(self.device))

    @torch.inference_mode()
    def act(self, step: Step[np.ndarray], generator: torch.Generator | None = None) -> Decision[np.ndarray]:
        """Decide for all rows, in the environment's units and within its bounds.

        Args:
            step: raw, of all observation components.
            generator: draws the actions; None for the likeliest.

        Raises:
            DataError: an observation is not finite or too large.
        """
        with np.errstate(over="ignore"):
            observation = self.task.normalize_states(self.task.select_visible(step.observation))
        if not np.abs(observation).max(initial=0) <= FARTHEST:  # beyond, float32 overflows in the model and its memory
            raise DataError(
                f"observation: expected values of at most {FARTHEST:g} once normalised,"
                f" got {np.abs(observation).max():g}"
            )
        previous_action = self.task.normalize_actions(step.previous_action)
        if not self.task.discrete_actions:
            previous_action[step.is_first] = 0  # no action is zero in a model's units, as it is in the environment's
        interface = self.policy.interface
        if len(interface.tasks) > 1:
            observation = interface.pad_states(observation)
            previous_action = interface.pad_actions(self.number, previous_action)
        arrays = (observation, previous_action, step.previous_reward, step.is_first)
        normalised = Step(*(torch.from_numpy(array).to(self.device) for array in arrays))
        decision = self.policy.model.act(self.memory, normalised, generator)
        options = None if decision.options is None else decision.options.cpu().numpy()
        predictions = None if decision.predictions is None else decision.predictions.cpu().numpy().copy()
        # Copies: tensors made in inference mode must not leak into the caller's autograd.
        actions = interface.unpad_actions(self.number, decision.actions.cpu().numpy())
        return Decision(self.task.unnormalize_actions(actions).copy(), options, predictions)
