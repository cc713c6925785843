"""Vectors and logits of bins against their formulas."""

import math

import torch

from understudy.nn.bin_vectors import HARMONICS, BinEmbedding, BinLogits


def test_a_bin_has_a_free_vector_and_a_smooth_one() -> None:
    """The smooth part is a sum of cosines over the bins' middles, written out."""
    torch.manual_seed(0)
    table = BinEmbedding(2, 5, 3)
    torch.nn.init.normal_(table.free)
    for position in range(2):
        for number in range(5):
            expected = table.free[position, number].clone()
            for harmonic in range(5):
                expected += math.cos(math.pi * harmonic * (number + 0.5) / 5) * table.coefficients[position, harmonic]
            torch.testing.assert_close(table()[position, number], expected)


def test_neighbours_begin_alike_and_distant_bins_do_not() -> None:
    torch.manual_seed(0)
    vectors = BinEmbedding(1, 64, 32)()[0].detach()
    distances = torch.cdist(vectors, vectors)
    assert distances.diagonal(1).mean() < 0.5 * distances.diagonal(20).mean()


def test_there_are_no_more_functions_than_bins() -> None:
    assert BinEmbedding(1, 3, 4).coefficients.shape == (1, 3, 4)
    assert BinEmbedding(1, 99, 4).coefficients.shape == (1, HARMONICS, 4)


def test_logits_are_a_gaussian_over_the_bins_numbers_and_a_product_with_their_vectors() -> None:
    """Its mean in the middle, bin 4, moved by a quarter of the range; its deviation a quarter of it, halved."""
    head = BinLogits(2, 8, 3)
    with torch.no_grad():
        for weights in head.parameters():
            weights.zero_()
        head.place_bias[1] = torch.tensor([0.5, math.log(0.5)])
        head.vectors.free[1] = torch.arange(8.0)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    features = torch.tensor([[9.0, 9.0, 9.0], [0.0, 2.0, 0.0]])
    logits = head(features)
    assert logits[0].tolist() == [-0.5 * ((number - 4) / 2) ** 2 for number in range(8)]
    assert logits[1].tolist() == [-0.5 * ((number - 6) / 1) ** 2 + 2.0 * number for number in range(8)]


def test_one_position_says_what_all_of_them_say() -> None:
    torch.manual_seed(0)
    head = BinLogits(3, 6, 4)
    features = torch.randn(2, 5, 3, 4)
    for position in range(3):
        torch.testing.assert_close(head.at(features[..., position, :], position), head(features)[..., position, :])


def test_a_gaussian_s_place_begins_with_a_deviation_of_one() -> None:
    """Features of unit size make places of unit size."""
    torch.manual_seed(0)
    place = BinLogits(4, 8, 256).place
    assert math.isclose(place.std().item(), 1 / 16, rel_tol=0.1) and abs(place.mean().item()) < 0.005
