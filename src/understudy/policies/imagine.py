"""Whole trajectories out of a model's imagination, as episodes.

imagine(policy, starts, ...) -> Episodes
"""

from collections.abc import Iterator

import numpy as np
import torch

from understudy.episode import NO_OPTION, Episode
from understudy.errors import ParameterError
from understudy.interface import Task
from understudy.models.trajectory_transformer import TrajectoryTransformer
from understudy.policies.files import TrainedPolicy
from understudy.step import Step


@torch.inference_mode()
def imagine(policy: TrainedPolicy, starts: np.ndarray, seeds: np.ndarray, max_steps: int) -> Iterator[Episode]:
    """Episodes that begin in given states; each number after that is drawn from what the model expects, by the episode's seed.

    Args:
        policy: a Trajectory Transformer that sees all components.
        starts: (B, S) float32, raw.
        seeds: (B,) int64.
        max_steps: after so many steps an episode is truncated.

    Raises:
        ParameterError: the policy is no model of trajectories, or some components are hidden from it.
    """
    if not isinstance(policy.model, TrajectoryTransformer):
        raise ParameterError(f"imagine: expected a policy of the family trajectory_transformer, got {policy.family}")
    if policy.task.hidden_components:
        raise ParameterError(
            f"imagine: expected a policy that sees whole observations, got one without {policy.task.hidden_components[0]}"
        )
    happened = _play_on(policy.model, policy.task, starts, seeds, max_steps)
    ends = np.where(happened["stops"].any(1), happened["stops"].argmax(1) + 1, max_steps)  # (B,) steps of each
    for row, (seed, length) in enumerate(zip(seeds.tolist(), ends.tolist(), strict=True)):
        stopped = bool(happened["stops"][row, length - 1])
        actions = happened["actions"][row, :length]
        yield Episode(
            seed,
            observations=happened["observations"][row, :length],
            actions=actions,
            demonstrated_actions=actions,
            rewards=happened["rewards"][row, :length],
            options=np.full(length, NO_OPTION, np.int16),
            final_observation=happened["observations"][row, length],
            terminated=stopped,
            truncated=not stopped,
        )


def _play_on(
    model: TrajectoryTransformer, task: Task, starts: np.ndarray, seeds: np.ndarray, max_steps: int
) -> dict[str, np.ndarray]:
    """Raw actions, rewards and stops (B, T), and observations (B, T + 1, S); what follows a stop means nothing."""
    count = len(starts)
    memory = model.begin(count, decoding="sample")
    memory.reset(torch.arange(count), torch.from_numpy(seeds))
    states = torch.from_numpy(task.normalize_states(starts))
    action_shape = (count,) if task.discrete_actions else (count, task.action_dim)
    previous_action = torch.zeros(action_shape, dtype=torch.int64 if task.discrete_actions else torch.float32)
    previous_reward, stopped = torch.zeros(count), torch.zeros(count, dtype=torch.bool)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("actions", "rewards", "stops")}
    observations = [np.asarray(starts, np.float32)]
    for number in range(max_steps):
        is_first = torch.full((count,), number == 0)
        imagined = model.imagine_step(memory, Step(states, previous_action, previous_reward, is_first))
        columns["actions"].append(task.unnormalize_actions(imagined.actions.numpy()))
        columns["rewards"].append(imagined.rewards.numpy())
        columns["stops"].append(imagined.stops.numpy())
        observations.append(task.unnormalize_states(imagined.states.numpy()))
        stopped |= imagined.stops
        if stopped.all():
            break
        states, previous_action, previous_reward = imagined.states, imagined.actions, imagined.rewards
    return {name: np.stack(values, axis=1) for name, values in columns.items()} | {
        "observations": np.stack(observations, axis=1)
    }
