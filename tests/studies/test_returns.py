"""The table of studies/returns: rliable's probability of improvement, and how far from their targets policies land."""

import numpy as np
import pytest

from tests.builders import imported
from tests.imports import ROOT

STUDY = ROOT / "studies" / "returns"


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([3.0, 4.0], [1.0, 2.0], 1.0),
        ([1.0, 2.0], [3.0, 4.0], 0.0),
        ([1.0, 3.0], [2.0, 2.0], 0.5),
        ([2.0], [2.0], 0.5),
        ([1.0, 2.0, 3.0], [2.0], 0.5),
        ([2.0, 3.0], [1.0, 2.0], 0.875),  # 2 > 1, 2 = 2, 3 > 1, 3 > 2
    ],
)
def test_the_probability_of_improvement_counts_pairs_and_ties_half(draw, one, other, expected):
    assert draw.probability_of_improvement(np.asarray(one), np.asarray(other)) == expected


def test_its_interval_is_certain_where_all_runs_are_better(draw):
    better, worse = np.asarray([5.0, 6.0, 7.0]), np.asarray([1.0, 2.0, 3.0])
    assert draw.improvement_interval(better, worse, 0) == (1.0, 1.0)
    low, high = draw.improvement_interval(np.asarray([1.0, 5.0, 2.0, 4.0]), np.asarray([3.0, 1.5, 4.5, 2.5]), 0)
    assert low < 0.5 < high


def test_calibration_is_read_and_said(draw, tmp_path):
    path = tmp_path / "calibration.csv"
    rows = ["dt,0,100,90,50", "dt,1,100,120,50", "dt,0,200,150,50", "dt,1,200,170,50", "rvs,0,100,0,50"]
    path.write_text("policy,seed,target,return_mean,episodes\n" + "\n".join(rows) + "\n")
    calibration = draw.read_calibration(path)
    assert calibration == {"dt": {100.0: [90.0, 120.0], 200.0: [150.0, 170.0]}, "rvs": {100.0: [0.0]}}
    first, second = draw.describe_calibration(calibration).splitlines()
    assert first == "dt: asked for 100 to 200, its mean return lies 22 from the target on average, 40 at most."
    assert second.startswith("rvs: asked for 100 to 100, its mean return lies 100")
