"""Paired ratios and their spread; quartiles by hand: the medians of the lower and the upper half, both with the middle value."""

import pytest

from benchmarks.ratios import paired_ratios, spread


def test_a_ratio_of_rates_is_ours_over_theirs_round_by_round():
    assert paired_ratios([10.0, 30.0], [5.0, 10.0], "higher") == [2.0, 3.0]


def test_a_ratio_of_times_is_theirs_over_ours():
    assert paired_ratios([5.0, 10.0], [10.0, 30.0], "lower") == [2.0, 3.0]


def test_rounds_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match="expected as many rounds of both, got 2 of ours and 1 of theirs"):
        paired_ratios([1.0, 2.0], [1.0], "higher")


def test_spread_is_the_median_with_the_quartiles():
    assert spread([5.0, 1.0, 4.0, 2.0, 3.0]) == {"median": 3.0, "low": 2.0, "high": 4.0}


def test_quartiles_of_few_values_stay_among_them():
    assert spread([1.0, 2.0]) == {"median": 1.5, "low": 1.25, "high": 1.75}


def test_a_single_value_is_its_own_spread():
    assert spread([2.5]) == {"median": 2.5, "low": 2.5, "high": 2.5}


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="expected at least one value, got none"):
        spread([])
