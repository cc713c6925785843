"""The run so far, against sums written down."""

import numpy as np

from understudy.log_evaluation.history import run_so_far
from understudy.log_evaluation.runs import JudgedRuns

RUNS = JudgedRuns(
    ("reply", "another"), np.zeros(5, np.int64), np.array([0, 2, 5]), np.array([0, 1]), ("a", "b"), np.array([1.0, 0.0])
)


def test_means_begin_anew_with_each_run():
    observations = np.arange(40, dtype=np.float32).reshape(5, 8)
    found = run_so_far(observations, RUNS)
    assert found[:, :8].tolist() == [
        observations[0].tolist(),
        observations[:2].mean(axis=0).tolist(),
        observations[2].tolist(),
        observations[2:4].mean(axis=0).tolist(),
        observations[2:5].mean(axis=0).tolist(),
    ]
    assert (found[:, 8:-1] == observations[:, 2:]).all()  # two choices and four more entries
    assert found[:, -1].tolist() == [1, 2, 1, 2, 3]
