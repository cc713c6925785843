"""Numbers against the formula written out for one of them, and the bins' edges."""

import math

import pytest
import torch

from understudy.nn.mu_law import LARGEST, MU, MuLawBins, compress, expand

BINS = MuLawBins(64)


def test_a_number_is_companded_as_the_formula_says() -> None:
    by_hand = math.log(1 + 100 * 2.5) / math.log(1 + 100 * 10.0)
    got = compress(torch.tensor([2.5, -2.5, 0.0, LARGEST]))
    torch.testing.assert_close(got, torch.tensor([by_hand, -by_hand, 0.0, 1.0]))


def test_expanding_undoes_companding() -> None:
    numbers = torch.linspace(-LARGEST, LARGEST, 101)
    torch.testing.assert_close(expand(compress(numbers)), numbers, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("number", "expected"), [(LARGEST, 63), (-LARGEST, 0), (1e9, 63), (-1e9, 0), (0.0, 32)])
def test_the_largest_numbers_stay_in_the_outermost_bins(number: float, expected: int) -> None:
    assert BINS.encode(torch.tensor([number])).tolist() == [expected]


def test_one_stays_in_the_bins() -> None:
    """Where the largest number is 1, as of companded ones, it lies in the last bin and not in the one after."""
    for count in (2, 7, 64, 1024):
        assert MuLawBins(count).encode(expand(torch.ones(1))).item() == count - 1


def test_a_number_comes_back_within_half_a_bin() -> None:
    numbers = torch.linspace(-LARGEST, LARGEST, 4001)
    back = BINS.decode(BINS.encode(numbers))
    assert (compress(back) - compress(numbers)).abs().max() <= 1 / 64 + 1e-5
    assert torch.equal(BINS.encode(back), BINS.encode(numbers))


def test_bins_are_finest_around_zero() -> None:
    widths = BINS.decode(torch.arange(64)).diff()
    assert (widths > 0).all()
    assert widths[31] < 0.02 < 1 < widths[-1]
    assert MU == 100.0


def test_a_single_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="num_bins: expected at least 2, got 1"):
        MuLawBins(1)
