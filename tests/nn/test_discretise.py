"""Bins by hand, and promises that hold for any numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples
from understudy.nn.discretise import Discretiser, fit_bins, round_trip_errors

NUMBERS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=200)
BINNINGS = st.sampled_from(["quantile", "uniform"])


def fitted(values: list[list[float]], num_bins: int, binning: str = "quantile") -> Discretiser:
    """Bins of dimensions, a list of numbers each."""
    discretiser = Discretiser(len(values), num_bins)
    discretiser.fit(np.asarray(values, np.float32).T, binning)
    return discretiser


def test_where_there_are_few_different_numbers_each_has_a_bin() -> None:
    bins = fit_bins(np.asarray([1.0, 0.0, 1.0, 5.0], np.float32), 4, "quantile")
    assert bins.means.tolist() == [0, 1, 5]
    assert bins.edges.tolist() == [0.5, 3.0]


def test_neighbours_among_floating_point_numbers_are_kept_apart() -> None:
    one = np.float32(1.0)
    values = np.asarray([one, np.nextafter(one, np.float32(2.0))], np.float32)
    assert fit_bins(values, 4, "quantile").means.tolist() == values.tolist()


def test_uniform_bins_are_as_wide_as_each_other_and_decoded_to_their_means() -> None:
    """Of 0.1, 0.2, 0.3, 1.1 and 3.9 in bins as wide as 0.95; the third is empty and joined to its neighbour."""
    bins = fit_bins(np.asarray([0.1, 0.2, 0.3, 1.1, 3.9], np.float32), 4, "uniform")
    np.testing.assert_allclose(bins.edges, [1.05, 2.0], rtol=1e-6)
    np.testing.assert_allclose(bins.means, [0.2, 1.1, 3.9], rtol=1e-6)


def test_quantile_bins_hold_as_many_numbers_each() -> None:
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    bins = fit_bins(values, 8, "quantile")  # of which one a side is spread over a tail of 2 %
    counts = np.bincount(np.searchsorted(bins.edges, values, side="right"))
    assert len(counts) == 8
    assert counts[[0, -1]].tolist() == [200, 201]
    assert 1590 <= counts[1:-1].min() and counts[1:-1].max() <= 1610


def test_a_rare_reward_is_not_thrown_together_with_others() -> None:
    """100 and 4.5 are as rare as each other, one in a hundred; the other numbers are small."""
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    values[:100], values[100:200] = 100.0, 4.5
    table = fitted([values.tolist()], 16)
    back = table.decode(table.encode(torch.tensor([[100.0], [4.5]])))
    assert back.tolist() == [[100.0], [4.5]]


def test_what_is_repeated_has_a_bin_of_its_own() -> None:
    """Half of all numbers are zero, the others lie around it."""
    values = np.random.default_rng(0).normal(size=2_000).astype(np.float32)
    values[::2] = 0.0
    bins = fit_bins(values, 12, "quantile")
    place = int(np.searchsorted(bins.edges, np.float32(0), side="right"))
    assert bins.edges[place - 1] == 0 and bins.edges[place] == np.nextafter(np.float32(0), np.float32(1))
    assert bins.means[place] == 0


def test_numbers_on_an_edge_belong_above_it_and_those_beyond_to_the_outermost_bins() -> None:
    table = fitted([[0.0, 1.0, 5.0]], 3)
    inside = torch.tensor([[0.5], [0.4999], [3.0], [1.0]])
    assert table.encode(inside)[:, 0].tolist() == [1, 0, 2, 1]
    assert table.encode(torch.tensor([[-1e30], [1e30], [torch.inf]]))[:, 0].tolist() == [0, 2, 2]


def test_dimensions_have_bins_of_their_own() -> None:
    table = fitted([[0.0, 1.0, 1.0], [7.0, 7.0, 7.0]], 3)
    assert table.counts.tolist() == [2, 1]
    assert table.missing().tolist() == [[False, False, True], [False, True, True]]
    assert table.encode(torch.tensor([[[1.0, 9.0], [0.0, -9.0]]])).tolist() == [[[1, 0], [0, 0]]]
    assert table.decode(torch.tensor([[1, 0]])).tolist() == [[1.0, 7.0]]


def test_before_they_are_fitted_bins_are_those_of_normalised_numbers() -> None:
    table = Discretiser(2, 4)
    assert table.edges.tolist() == [[-2, 0, 2]] * 2
    assert table.means.tolist() == [[-3, -1, 1, 3]] * 2


def test_tables_are_saved_with_the_weights() -> None:
    one, other = fitted([[0.0, 3.0, 4.0]], 8), Discretiser(1, 8)
    other.load_state_dict(one.state_dict())
    values = torch.tensor([[0.0], [3.0], [4.0]])
    assert torch.equal(other.decode(other.encode(values)), values)


@examples(200)
@given(values=NUMBERS, num_bins=st.integers(2, 40), binning=BINNINGS)
def test_every_bin_holds_a_number_and_is_decoded_to_one_within_it(values, num_bins, binning) -> None:
    numbers = np.asarray(values, np.float32)
    bins = fit_bins(numbers, num_bins, binning)
    assert len(bins.means) == len(bins.edges) + 1 <= num_bins
    assert (np.diff(bins.edges) > 0).all()
    places = np.searchsorted(bins.edges, numbers, side="right")
    assert set(places) == set(range(len(bins.means)))
    for place, mean in enumerate(bins.means):
        of_bin = numbers[places == place].astype(np.float64)
        np.testing.assert_allclose(mean, of_bin.mean(), rtol=1e-5, atol=1e-4 * np.abs(numbers).max())


@examples(50)
@given(values=NUMBERS, binning=BINNINGS)
def test_more_bins_than_different_numbers_lose_nothing(values, binning) -> None:
    table = fitted([values], 201, binning)
    assert round_trip_errors(table, torch.tensor(values)[:, None]).item() < 1e-5


def test_what_is_lost_is_a_share_of_the_deviation() -> None:
    """Two bins for -3, -1, 1 and 3 are decoded to -2 and 2: off by 1, of a deviation of sqrt(5)."""
    table = Discretiser(2, 2)
    table.edges[0], table.means[0] = torch.tensor([0.0]), torch.tensor([-2.0, 2.0])
    values = torch.tensor([[-3.0, 5.0], [-1.0, 5.0], [1.0, 5.0], [3.0, 5.0]])
    errors = round_trip_errors(table, values)
    torch.testing.assert_close(errors, torch.tensor([5**-0.5, 0.0]))


def test_rare_large_numbers_do_not_hide_what_is_lost_of_the_others() -> None:
    """Of 100 numbers 98 are -1 or 1, all decoded to 0; two of 1000 make the deviation of all a hundred times as large."""
    values = torch.tensor([[-1.0], [1.0]]).repeat(49, 1)
    values = torch.cat([torch.tensor([[-1000.0]]), values, torch.tensor([[1000.0]])])
    table = Discretiser(1, 3)
    table.edges[0], table.means[0] = torch.tensor([-500.0, 500.0]), torch.tensor([-1000.0, 0.0, 1000.0])
    assert round_trip_errors(table, values).item() == 1.0


def test_what_cannot_be_put_into_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="num_bins: expected at least 2, got 1"):
        Discretiser(1, 1)
    with pytest.raises(ValueError, match="values: expected finite numbers, got nan"):
        fit_bins(np.asarray([1.0, np.nan], np.float32), 4, "quantile")
    with pytest.raises(ValueError, match="values: expected some numbers, got none"):
        fit_bins(np.zeros(0, np.float32), 4, "quantile")
    with pytest.raises(ValueError, match="binning: expected one of quantile, uniform, got 'even'"):
        fit_bins(np.zeros(3, np.float32), 4, "even")
