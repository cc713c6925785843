"""The masked mean, against sums done by hand."""

import math

import pytest
import torch

from understudy.losses.masking import masked_mean

VALUES = torch.tensor([[1.0, 2.0, 30.0], [4.0, 500.0, 600.0]])
MASK = torch.tensor([[True, True, False], [True, False, False]])


def test_the_mean_is_over_the_steps_that_count() -> None:
    assert masked_mean(VALUES, MASK).item() == pytest.approx((1 + 2 + 4) / 3)


def test_every_step_weighs_the_same_whichever_row_it_is_in() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert masked_mean(VALUES, mask).item() == pytest.approx((1 + 2 + 30 + 4) / 4)


@pytest.mark.parametrize("masked", [math.nan, math.inf, -math.inf])
def test_what_is_masked_does_not_enter_even_where_it_is_not_a_number(masked: float) -> None:
    values = torch.where(MASK, VALUES, masked).requires_grad_()
    mean = masked_mean(values, MASK)
    mean.backward()
    assert mean.item() == pytest.approx(7 / 3)
    torch.testing.assert_close(values.grad, torch.tensor([[1 / 3, 1 / 3, 0.0], [1 / 3, 0.0, 0.0]]))


def test_what_counts_enters_even_where_it_is_not_a_number() -> None:
    assert math.isnan(masked_mean(torch.tensor([[math.nan, 1.0]]), torch.tensor([[True, False]])).item())


def test_nothing_that_counts_gives_zero_and_no_gradient() -> None:
    values = VALUES.clone().requires_grad_()
    mean = masked_mean(values, torch.zeros(2, 3, dtype=torch.bool))
    mean.backward()
    assert mean.item() == 0.0
    assert values.grad.tolist() == [[0.0] * 3] * 2


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask: expected the shape of the values, \(2, 3\), got \(2, 1\)"):
        masked_mean(VALUES, MASK[:, :1])
