"""Masks over time, written out by hand."""

import pytest
import torch

from understudy.utils.masking import create_causal_mask, create_padding_mask

T, F = True, False


def test_padding_mask_is_true_at_real_steps() -> None:
    mask = create_padding_mask(torch.tensor([3, 1, 2]), 3)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[T, T, T], [T, F, F], [T, T, F]]


def test_padding_mask_may_be_longer_than_every_row() -> None:
    assert create_padding_mask(torch.tensor([1]), 4).tolist() == [[T, F, F, F]]


def test_padding_mask_of_no_rows_is_empty() -> None:
    assert create_padding_mask(torch.zeros(0, dtype=torch.int64), 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("seq_lens", "found"), [([0, 2], "0 to 2"), ([-1, 3], "-1 to 3"), ([1, 4], "1 to 4"), ([0, 9], "0 to 9")]
)
def test_lengths_outside_the_row_are_refused(seq_lens: list[int], found: str) -> None:
    with pytest.raises(ValueError, match=f"seq_lens: expected lengths from 1 to 3, got {found}"):
        create_padding_mask(torch.tensor(seq_lens), 3)


def test_causal_mask_sees_itself_and_what_came_before() -> None:
    assert create_causal_mask(3).dtype == torch.bool
    assert create_causal_mask(3).tolist() == [[T, F, F], [T, T, F], [T, T, T]]


def test_causal_mask_of_one_step() -> None:
    assert create_causal_mask(1).tolist() == [[T]]
