"""What is derived from the logged choices."""

import numpy as np
import pytest

from tests.builders import CHOICES, random_episodes, refused
from tests.log_evaluation.judged import RUNS
from understudy.errors import DataError
from understudy.log_evaluation.runs import read_runs
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.utils.jsonfile import write_json


def test_steps_of_tools_and_of_what_is_known():
    assert np.flatnonzero(RUNS.is_tool).tolist() == [0, 3, 4, 7, 8, 9]
    assert np.flatnonzero(~RUNS.known).tolist() == [7]
    assert RUNS.step_tasks.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 2, 2, 2]


def test_the_choice_before_is_that_of_the_same_run():
    assert RUNS.previous.tolist() == [5, 2, 0, 5, 2, 3, 5, 0, 5, 2, 2]


@pytest.mark.parametrize(("share", "places"), [(0.5, [1, 4, 6, 9]), (1.0, [2, 5, 7, 10]), (0.01, [0, 3, 6, 8])])
def test_places_after_a_share_of_each_run(share, places):
    assert RUNS.places(share).tolist() == places


def test_they_are_read_from_beside_the_recording(tmp_path):
    write_recording(tmp_path, CHOICES, "logs", random_episodes(CHOICES, [2, 3]))
    recording = read_recording(tmp_path)
    write_json(tmp_path / "runs.json", {"task": ["y", "x"], "outcome": [None, 1]})
    runs = read_runs(tmp_path, recording)
    assert (runs.tasks.tolist(), runs.task_names, runs.offsets.tolist()) == ([1, 0], ("x", "y"), [0, 2, 5])
    assert np.isnan(runs.outcomes[0]) and runs.outcomes[1] == 1
    write_json(tmp_path / "runs.json", {"task": ["y"], "outcome": [1]})
    with refused(DataError, "runs.json: expected task and outcome of 2 episodes"):
        read_runs(tmp_path, recording)
