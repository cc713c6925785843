"""A policy that follows logged runs: at each step it says what it would do, and then the logged choice is taken to be its own.

follow(trained, recording) -- Predictions

N steps of E episodes, C choices.
"""

import numpy as np
import torch

from understudy.log_evaluation.predictions import Predictions
from understudy.logs.watching import ValueWatch
from understudy.policies.files import TrainedPolicy
from understudy.rollouts.parquet import Recording
from understudy.step import Step


@torch.inference_mode()
def follow(trained: TrainedPolicy, recording: Recording) -> Predictions:
    """Follow all episodes side by side, step by step as at play, so that nothing of the future can be seen.

    Args:
        trained: a policy that learned from logs; where its actions are vectors of replies, (D,), the logits are those that it
            predicts, (N, D).
        recording: of one agent an episode.
    """
    task, model, lengths = trained.task, trained.model.eval(), recording.episodes["length"].astype(np.int64)
    observation = _padded(task.normalize_states(task.select_visible(recording.steps["observation"])), lengths)
    action = _padded(task.normalize_actions(recording.steps["action"]), lengths)
    reward = _padded(recording.steps["reward"], lengths)
    memory = model.begin(len(lengths))
    is_first = torch.ones(len(lengths), dtype=torch.bool)
    previous_action, previous_reward = torch.zeros_like(action[:, 0]), torch.zeros_like(reward[:, 0])
    logits, values, options = [], [], []
    with ValueWatch(trained) as watch:
        for time in range(observation.shape[1]):
            decision = model.act(memory, Step(observation[:, time], previous_action, previous_reward, is_first))
            assert decision.predictions is not None
            logits.append(decision.predictions)
            values.append(watch.values())
            options.append(decision.options)
            previous_action, previous_reward = action[:, time], reward[:, time]
            is_first = torch.zeros_like(is_first)
    real = np.arange(observation.shape[1]) < lengths[:, None]  # (E, T)
    all_logits = np.stack([each.numpy() for each in logits], axis=1)[real]
    return Predictions(all_logits, _real_steps(values, real), _real_steps(options, real))


def _padded(steps: np.ndarray, lengths: np.ndarray) -> torch.Tensor:
    """Steps (N, ...) as rows (E, T, ...), zeros behind the end of each."""
    rows = np.zeros((len(lengths), int(lengths.max()), *steps.shape[1:]), steps.dtype)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = steps
    return torch.from_numpy(rows)


def _real_steps(by_time: list[torch.Tensor | None], real: np.ndarray) -> np.ndarray | None:
    found = [each.numpy() for each in by_time if each is not None]
    return np.stack(found, axis=1)[real] if len(found) == len(by_time) else None
