"""The named columns of sequences and batches.

step_columns(task)    -- what a split's file holds of each step
episode_columns(task) -- what it holds of each episode
LABEL_COLUMNS         -- what label_options adds

S visible state components, A entries of an action vector. A batch has one row a chunk of B and T steps:

    observation        (B, T, S) float32, normalised
    action             (B, T) int64 or (B, T, A) float32, normalised: what was executed
    label              like action: what the demonstrator would have done, the target of imitation
    reward             (B, T) float32, raw
    return_to_go       (B, T) float32, raw reward from step t to the end, normalised
    terminated         (B, T) bool, at the last step of an episode that the environment ended
    truncated          (B, T) bool, at the last step of an episode that a limit cut off
    final_observation  (B, S) float32, normalised: what came after the episode's last step
    agent              (B,) int64, which of an episode's agents the row is
    task               (B,) int64, which of the model's tasks the row is of; 0 where there is one
    prompt_observation (B, T, S) float32, normalised: the first steps of another episode, padded by its last
    prompt_action      like action, of these steps
    prompt_length      (B,) int64, how many of them are real; 0 where there is no other episode
    first_step         (B,) int64, at which step of its episode the row begins
    option             (B, T) int64, where options have been found
    termination        (B, T) bool, where the option before has ended and another begins, and at an episode's first step

A prompt is of the same agent. The episode is drawn among all of the split, and where chunks are in order it is the next one.
Where rows of several tasks stand side by side, states and actions are padded as interface.py says.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from understudy.interface import Task

LABEL_COLUMNS = ("option", "termination")
BATCH_COLUMNS = (
    "observation",
    "action",
    "label",
    "reward",
    "return_to_go",
    "terminated",
    "truncated",
    "final_observation",
    "agent",
    "task",
    "prompt_observation",
    "prompt_action",
    "prompt_length",
    "first_step",
    *LABEL_COLUMNS,
)


@dataclass(frozen=True)
class Column:
    """So many numbers of one type for each step or episode."""

    numbers: int
    dtype: np.dtype

    @property
    def step_bytes(self) -> int:
        """Bytes that a step takes in a file."""
        return self.numbers * self.dtype.itemsize

    @property
    def arrow_type(self) -> pa.DataType:
        """A list of fixed size."""
        return pa.list_(pa.from_numpy_dtype(self.dtype), self.numbers)


def step_columns(task: Task) -> dict[str, Column]:
    """Columns of the steps of a split's file, raw; a choice is one int64, a vector float32."""
    number = np.dtype(np.float32)
    action = Column(1, np.dtype(np.int64)) if task.discrete_actions else Column(task.action_dim, number)
    return {
        "observation": Column(task.state_dim, number),
        "action": action,
        "label": action,
        "reward": Column(1, number),
        "return_to_go": Column(1, number),
    }


def episode_columns(task: Task) -> dict[str, pa.DataType]:
    """Columns of the episodes of a split's file, raw; a flag takes a byte, so that it can be mapped."""
    return {
        "episode": pa.int32(),
        "seed": pa.int64(),
        "terminated": pa.bool8(),
        "truncated": pa.bool8(),
        "final_observation": pa.list_(pa.float32(), task.state_dim),
    }
