"""What policies are judged against: the choices of logged runs, and what is known of these runs.

JudgedRuns                    -- one recording of logs
read_runs(folder, recording)  -- JudgedRuns

N steps of E episodes, C choices.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import DataError
from understudy.logs.observation import FINISH, PLAIN, REPLY
from understudy.rollouts.parquet import Recording
from understudy.utils.jsonfile import read_json

NO_TOOL = {REPLY, FINISH, *PLAIN.values()}


@dataclass(frozen=True)
class JudgedRuns:
    """The logged choices.

    Attributes:
        choices: (C,) names, the last of which stands for all that training never saw.
        labels: (N,) int64, what was chosen.
        offsets: (E + 1,) int64, the first step of each episode.
        tasks: (E,) int64, numbers of the episodes' tasks.
        task_names: by number.
        outcomes: (E,) float64, NaN where none is known.
    """

    choices: tuple[str, ...]
    labels: np.ndarray
    offsets: np.ndarray
    tasks: np.ndarray
    task_names: tuple[str, ...]
    outcomes: np.ndarray

    @property
    def is_tool(self) -> np.ndarray:
        """(N,) bool, steps at which a tool was called."""
        tools = np.asarray([name not in NO_TOOL for name in self.choices])
        return tools[self.labels]

    @property
    def known(self) -> np.ndarray:
        """(N,) bool, steps whose choice training has seen; at the others nobody can be right."""
        return self.labels < len(self.choices) - 1

    @property
    def step_tasks(self) -> np.ndarray:
        """(N,) int64, the task of each step."""
        return np.repeat(self.tasks, np.diff(self.offsets))

    @property
    def previous(self) -> np.ndarray:
        """(N,) int64, the choice of the step before; C at a run's first step."""
        previous = np.roll(self.labels, 1)
        previous[self.offsets[:-1]] = len(self.choices)
        return previous

    def places(self, share: float) -> np.ndarray:
        """(E,) the step of each episode after which this share of its decisions has been made."""
        lengths = np.diff(self.offsets)
        return self.offsets[:-1] + np.maximum(np.ceil(share * lengths).astype(np.int64), 1) - 1


def read_runs(folder: Path, recording: Recording) -> JudgedRuns:
    """What a recording of logs in `folder`, already read, and the runs.json beside it say.

    Raises:
        DataError: runs.json is missing, or is of other episodes.
    """
    content = read_json(folder / "runs.json")
    names, outcomes = content.get("task"), content.get("outcome")
    count = len(recording.episodes["length"])
    if not isinstance(names, list) or not isinstance(outcomes, list) or not len(names) == len(outcomes) == count:
        raise DataError(f"{folder / 'runs.json'}: expected task and outcome of {count} episodes, got something else")
    known, tasks = np.unique(np.asarray(names, str), return_inverse=True)
    values = np.asarray([np.nan if each is None else float(each) for each in outcomes])
    choices = recording.spec.action_labels
    return JudgedRuns(choices, recording.steps["action"], recording.offsets, tasks, tuple(known.tolist()), values)
