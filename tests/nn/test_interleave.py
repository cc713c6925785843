"""The token layout, against streams written out by hand."""

import torch

from understudy.nn.interleave import interleave, pick


def test_two_modalities_alternate_and_share_their_step() -> None:
    states = torch.tensor([[[0.0], [1.0], [2.0]], [[10.0], [11.0], [12.0]]])
    tokens, steps, count = interleave([states, -states])
    assert tokens[..., 0].tolist() == [[0, 0, 1, -1, 2, -2], [10, -10, 11, -11, 12, -12]]
    assert steps.tolist() == [0, 0, 1, 1, 2, 2]
    assert count == 2


def test_three_modalities_keep_their_order_within_a_step() -> None:
    first, second, third = (torch.full((1, 2, 1), value) for value in (1.0, 2.0, 3.0))
    tokens, steps, count = interleave([first, second, third])
    assert tokens[0, :, 0].tolist() == [1, 2, 3, 1, 2, 3]
    assert steps.tolist() == [0, 0, 0, 1, 1, 1]
    assert count == 3


def test_tokens_keep_their_width() -> None:
    tokens, steps, count = interleave([torch.arange(8.0).view(1, 2, 4)])
    assert tokens.tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7]]]
    assert steps.tolist() == [0, 1]
    assert count == 1


def test_picking_takes_one_modalitys_positions_out_of_the_stream() -> None:
    stream = torch.arange(6.0).view(1, 6, 1)
    assert pick(stream, 0, 3)[..., 0].tolist() == [[0, 3]]
    assert pick(stream, 1, 3)[..., 0].tolist() == [[1, 4]]
    assert pick(stream, 2, 3)[..., 0].tolist() == [[2, 5]]


def test_picking_undoes_interleaving() -> None:
    generator = torch.Generator().manual_seed(0)
    modalities = [torch.randn(2, 5, 4, generator=generator) for _ in range(3)]
    tokens, *_ = interleave(modalities)
    for position, modality in enumerate(modalities):
        assert torch.equal(pick(tokens, position, 3), modality)
