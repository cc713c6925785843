"""Features of linear attention, against the exponential that random ones stand for, and literals."""

import math

import pytest
import torch

from understudy.nn.kernel_features import LARGEST_EXPONENT, EluFeatures, RandomFeatures, draw_projection


@pytest.mark.parametrize(("head_dim", "num_features"), [(4, 1), (4, 4), (4, 10), (16, 64)])
def test_directions_are_orthogonal_block_by_block(head_dim: int, num_features: int) -> None:
    torch.manual_seed(0)
    projection = draw_projection(head_dim, num_features)
    assert (projection.shape, projection.dtype) == ((num_features, head_dim), torch.float32)
    for start in range(0, num_features, head_dim):
        block = projection[start : start + head_dim].double()
        products = block @ block.T
        torch.testing.assert_close(products, torch.diag(products.diagonal()), atol=1e-5, rtol=0)


def test_directions_are_spread_as_gaussian_vectors() -> None:
    """Mean zero and a variance of one in every entry, and a squared length of K on average."""
    torch.manual_seed(0)
    projection = draw_projection(8, 40_000)
    torch.testing.assert_close(projection.mean(0), torch.zeros(8), atol=0.02, rtol=0)
    torch.testing.assert_close(projection.T @ projection / 40_000, torch.eye(8), atol=0.03, rtol=0)
    squares = projection.square().sum(1)
    assert squares.mean().item() == pytest.approx(8, abs=0.1)
    assert squares.var().item() == pytest.approx(16, abs=0.6)  # of chi-squared with 8 degrees of freedom


def test_a_seed_gives_the_same_directions_and_another_others() -> None:
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(draw_projection(4, 6))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_products_of_random_features_are_on_average_what_a_softmax_weighs_by() -> None:
    """The query's features are divided by its largest, e^max; keys' are not."""
    torch.manual_seed(0)
    features, query, key = RandomFeatures(8, 100_000), torch.randn(8), torch.randn(5, 8)
    scaled = query * 8**-0.25
    factor = (features.projection @ scaled).max() - scaled.square().sum() / 2
    products = features.of_keys(key) @ features.of_queries(query) * factor.exp() / 100_000
    torch.testing.assert_close(products, torch.exp(key @ query / math.sqrt(8)), rtol=0.05, atol=0)


def test_a_key_has_its_features_whatever_stands_beside_it() -> None:
    torch.manual_seed(0)
    features, keys = RandomFeatures(4, 16), torch.randn(6, 4)
    alone = features.of_keys(keys[:1])
    keys[1:] *= 100.0
    torch.testing.assert_close(features.of_keys(keys)[:1], alone)


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0, 1e4])
def test_features_and_their_sums_are_finite_however_large_the_key(size: float) -> None:
    torch.manual_seed(0)
    features = RandomFeatures(64, 32)
    key = (size * torch.randn(100, 64)).requires_grad_()
    found = features.of_keys(key)
    assert (found > 0).all()
    assert (found.detach().log().abs() <= LARGEST_EXPONENT + 1e-4).all()
    assert (1e6 * found).isfinite().all()
    query = features.of_queries(size * torch.randn(100, 64))
    assert (query.amax(-1) == 1).all() and (query >= 0).all()
    (query * found).sum().backward()
    assert key.grad.isfinite().all()


def test_elu_features_of_literals() -> None:
    features = EluFeatures(3)
    assert features.num_features == 3
    expected = torch.tensor([math.exp(-2.0), 1.0, 3.5])
    for of_either in (features.of_queries, features.of_keys):
        torch.testing.assert_close(of_either(torch.tensor([-2.0, 0.0, 2.5])), expected)


def test_directions_are_saved_with_the_weights_and_no_optimizer_sees_them() -> None:
    features = RandomFeatures(4, 6)
    assert features.state_dict().keys() == {"projection"}
    assert list(features.parameters()) == []
