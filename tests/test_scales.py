"""Scales that are none are refused."""

from dataclasses import replace

import pytest

from tests.builders import refused
from tests.test_interface import INFINITY, NAN, ONES, SCALES


@pytest.mark.parametrize(
    "wrong",
    [
        {"state_std": (1.0, 0.0, 1.0)},
        {"state_std": (1.0, -1.0, 1.0)},
        {"state_std": (1.0, 1e-50, 1.0)},
        {"action_half_range": (7e-46, 1.0)},
        {"difference_std": (*ONES[:2], (1.0, 1.0, 0.0))},
        {"state_mean": (0.0, NAN, 0.0)},
        {"state_mean": ((0.0, 0.0, 0.0),)},
        {"difference_std": (*ONES[:2], (1.0, INFINITY, 1.0))},
        {"action_middle": (NAN, 0.0)},
        {"action_half_range": (0.0, 1.0)},
        {"return_mean": INFINITY},
        {"return_mean": (0.0,)},
        {"return_std": 0.0},
        {"return_std": NAN},
        {"difference_std": ((1.0, 1.0),) * 3},
        {"difference_std": (1.0, 1.0, 1.0)},
        {"difference_std": ()},
        {"state_std": (1.0, 1.0, 1.0, 1.0)},
        {"action_half_range": (1.0,)},
    ],
    ids=str,
)
def test_scales_that_are_no_scales_are_refused(wrong):
    with refused(ValueError, f"scales.{next(iter(wrong))}: expected ", "numbers", "got "):
        replace(SCALES, **wrong)
