"""Usage on literal arrays."""

import numpy as np
import pytest

from understudy.options.usage import describe_usage


def test_usage_of_a_literal_segmentation():
    options = np.array([0, 0, 1, 1, 1, 0, 2, 2], dtype=np.int16)
    starts = np.array([1, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
    got = describe_usage(options, starts, 4)
    # Stretches of 2, 3, 1 and 2 steps; two switches in eight steps.
    assert got["usage"] == [0.375, 0.375, 0.25, 0.0]
    assert got["entropy"] == pytest.approx(1.0821955300387671)
    assert (got["median_dwell"], got["switch_rate"]) == (2.0, 0.25)


def test_an_option_held_over_the_end_of_an_episode_is_two_stretches():
    got = describe_usage(np.array([1, 1, 1, 1], np.int16), np.array([1, 0, 0, 1], bool), 2)
    assert got == {"usage": [0.0, 1.0], "entropy": 0.0, "median_dwell": 2.0, "switch_rate": 0.0}


def test_another_option_at_the_start_of_an_episode_is_no_switch():
    got = describe_usage(np.array([0, 0, 1, 1], np.int16), np.array([1, 0, 1, 0], bool), 2)
    assert (got["switch_rate"], got["median_dwell"]) == (0.0, 2.0)
    assert got["entropy"] == pytest.approx(0.6931471805599453)


def test_shares_are_rounded_and_all_are_plain_numbers():
    got = describe_usage(np.array([0, 1, 0], np.int16), np.array([1, 0, 0], bool), 2)
    assert got["usage"] == [0.666667, 0.333333]
    assert {type(each) for each in (*got.pop("usage"), *got.values())} == {float}


def test_usage_leaves_its_arguments_alone():
    starts = np.array([1, 0, 0], bool)
    describe_usage(np.array([0, 1, 0], np.int16), starts, 2)
    assert starts.tolist() == [True, False, False]
