"""Linear attention against the sum over all earlier tokens, written out query by query, and against softmax attention.

A token takes from each token up to it by the product of their features, over the sum of these products.
"""

import pytest
import torch
from torch import Tensor

from understudy.nn.attention import (
    WindowedAttention,
    as_bias,
    one_token_a_step,
    rotary_angles,
    visible_mask,
    window_bands,
)
from understudy.nn.linear_attention import PIECE, LinearAttention, attend_row, normalise, whole_row

LENGTHS = (1, 7, PIECE, PIECE + 1, 3 * PIECE - 5)
each_kind = pytest.mark.parametrize("num_random_features", [None, 12], ids=["elu", "performer"])


def build(num_random_features: int | None, num_kv_heads: int | None = None, seed: int = 0) -> LinearAttention:
    torch.manual_seed(seed)
    return LinearAttention(16, 4, num_kv_heads, num_random_features)


def features_of(layer: LinearAttention, x: Tensor, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Features of queries (B, L, H, F) and keys (B, L, H, F), and values (B, L, H, K), those of keys once a head of queries."""
    heads, groups = layer.num_heads, layer.num_kv_heads
    query, key, value = layer.qkv_proj(x).unflatten(-1, (-1, layer.head_dim)).split([heads, groups, groups], dim=2)
    rotation = rotary_angles(steps, layer.frequencies())

    def turn(vectors: Tensor) -> Tensor:
        pairs = torch.view_as_complex(vectors.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * rotation).flatten(-2)

    key, value = (each.repeat_interleave(heads // groups, dim=2) for each in (layer.features.of_keys(turn(key)), value))
    return layer.features.of_queries(turn(query)), key, value


def one_by_one(layer: LinearAttention, x: Tensor, steps: Tensor, real: Tensor | None = None) -> Tensor:
    query, key, value = features_of(layer, x, steps)
    rows = []
    for t in range(x.shape[1]):
        weights = (query[:, t, None] * key[:, : t + 1]).sum(-1)  # (B, t + 1, H)
        weights = weights if real is None else weights * real[:, : t + 1, None]
        total = weights.sum(1, keepdim=True)
        weights = torch.where(total > 0, weights / total, torch.zeros(()))
        rows.append((weights[..., None] * value[:, : t + 1]).sum(1).flatten(1))
    return layer.output_proj(torch.stack(rows, dim=1))


@each_kind
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("num_kv_heads", [4, 2, 1])
@torch.no_grad()
def test_a_row_in_pieces_gives_the_sums_written_out(
    num_random_features: int | None, length: int, num_kv_heads: int
) -> None:
    layer, steps = build(num_random_features, num_kv_heads), torch.arange(length)
    x = torch.randn(2, length, 16)
    mixed = layer(x, rotary_angles(steps, layer.frequencies()), whole_row(steps, None))
    torch.testing.assert_close(mixed, one_by_one(layer, x, steps), atol=1e-5, rtol=1e-4)


@each_kind
@torch.no_grad()
def test_a_token_that_does_not_exist_is_in_no_sum(num_random_features: int | None) -> None:
    layer, steps, x = build(num_random_features), torch.arange(70), torch.randn(2, 70, 16)
    real = torch.rand(2, 70, generator=torch.Generator().manual_seed(1)) < 0.6
    real[0, :3] = False
    rotation, bands = rotary_angles(steps, layer.frequencies()), whole_row(steps, real)
    mixed = layer(x, rotation, bands)
    torch.testing.assert_close(mixed, one_by_one(layer, x, steps, real), atol=1e-5, rtol=1e-4)
    assert (mixed[0, :3] == 0).all()
    other = torch.where(real[..., None], x, 50 * torch.randn_like(x))
    assert torch.equal(layer(other, rotation, bands)[real], mixed[real])


@each_kind
@pytest.mark.parametrize("tokens_per_step", [1, 2, 3, 2 * PIECE])
def test_one_token_a_step_is_that_part_of_the_full_pass(num_random_features: int | None, tokens_per_step: int) -> None:
    layer, length = build(num_random_features, 2), 6 * PIECE
    steps = torch.arange(length // tokens_per_step).repeat_interleave(tokens_per_step)
    x, rotation = torch.randn(2, length, 16), rotary_angles(steps, layer.frequencies())
    bands = whole_row(steps, torch.rand(2, length) < 0.8)
    for token in {0, tokens_per_step - 1}:
        asked = layer(x, rotation, one_token_a_step(bands, token, tokens_per_step))
        expected = layer(x, rotation, bands)[:, token::tokens_per_step]
        torch.testing.assert_close(asked, expected, atol=1e-5, rtol=1e-4)


@each_kind
def test_nothing_leaks_from_the_future(num_random_features: int | None) -> None:
    """To the bit in what is mixed, and exactly in the gradient; a later key of any size included."""
    layer, steps = build(num_random_features), torch.arange(2 * PIECE)
    x = torch.randn(1, len(steps), 16, requires_grad=True)
    rotation, bands = rotary_angles(steps, layer.frequencies()), whole_row(steps, None)
    mixed = layer(x, rotation, bands)
    for t in (0, 5, PIECE - 1, PIECE, 2 * PIECE - 2):
        (gradient,) = torch.autograd.grad(mixed[0, t].sum(), x, retain_graph=True)
        assert (gradient[0] != 0).any(-1).tolist() == [u <= t for u in range(len(steps))]
        with torch.no_grad():
            later = torch.cat([x[:, : t + 1], 100 * torch.randn_like(x[:, t + 1 :])], dim=1)
            assert torch.equal(layer(later, rotation, bands)[:, : t + 1], mixed[:, : t + 1])


@torch.no_grad()
def test_with_many_random_features_it_is_softmax_attention() -> None:
    """Rotary positions included; few features are an estimate, many a close one."""
    x, steps, errors = torch.randn(2, 40, 16, generator=torch.Generator().manual_seed(2)), torch.arange(40), []
    for count in (8, 20_000):
        linear, softmax = build(count), WindowedAttention(16, 4)
        softmax.load_state_dict({name: each for name, each in linear.state_dict().items() if "features" not in name})
        expected = softmax(x, rotary_angles(steps, softmax.frequencies()), window_bands(steps, 40, 1))
        mixed = linear(x, rotary_angles(steps, linear.frequencies()), whole_row(steps, None))
        errors.append((mixed - expected).abs().mean() / expected.abs().mean())
    assert errors[1] < 0.02 < errors[0]


@each_kind
@torch.no_grad()
def test_weights_are_what_the_pass_mixes_by(num_random_features: int | None) -> None:
    layer, steps, x = build(num_random_features, 2), torch.arange(9), torch.randn(2, 9, 16)
    rotation, real = rotary_angles(steps, layer.frequencies()), torch.ones(2, 9, dtype=torch.bool)
    real[1, 4] = False
    for exists in (None, real):
        weights = layer.weights(x, rotation, as_bias(visible_mask(steps, None, exists)))
        assert weights.shape == (2, 4, 9, 9)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 9))
        assert (weights.triu(1) == 0).all()
        value = features_of(layer, x, steps)[2]
        mixed = torch.einsum("bhij,bjhk->bihk", weights, value).flatten(2)
        expected = layer(x, rotation, whole_row(steps, exists))
        torch.testing.assert_close(layer.output_proj(mixed)[real], expected[real], atol=1e-5, rtol=1e-4)


@each_kind
@pytest.mark.parametrize("by_weights", [False, True], ids=["by autocast", "by the weights' format"])
@torch.no_grad()
def test_sums_are_float32_where_layers_multiply_in_bfloat16(num_random_features: int | None, by_weights: bool) -> None:
    """What is mixed is, to the bit, what float32 makes of the queries, keys and values that were rounded."""
    layer, steps, mixed = build(num_random_features), torch.arange(300), []
    x, rotation = torch.randn(1, 300, 16), rotary_angles(steps, layer.frequencies())
    layer.output_proj.register_forward_pre_hook(lambda _, given: mixed.append(given[0]))
    exact = layer(x, rotation, whole_row(steps, None))
    if by_weights:
        layer.qkv_proj.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16, enabled=not by_weights):
        heads = layer._heads(x)
        rounded = layer(x, rotation, whole_row(steps, None))
    assert heads.dtype == torch.bfloat16
    totals = attend_row(*layer._featured(heads.float(), rotation, slice(None)), slice(0, 300))
    assert mixed[1].dtype == torch.float32
    assert torch.equal(mixed[1], normalise(totals).flatten(2))
    torch.testing.assert_close(rounded.float(), exact, atol=0.02, rtol=0.05)


def test_a_thousand_of_a_kind_are_counted() -> None:
    ones = torch.ones(1, 1, 1000, 2)
    totals = attend_row(torch.ones(1, 1000, 1, 1, 2), ones, ones, slice(0, 1000))
    assert totals[0, :, 0, 0, 0].tolist() == [2.0 * count for count in range(1, 1001)]


def test_without_any_weight_nothing_is_mixed_and_no_gradient_is_nan() -> None:
    totals = torch.zeros(1, 3, requires_grad=True)
    mixed = normalise(totals)
    mixed.sum().backward()
    assert mixed.tolist() == [[0.0, 0.0]]
    assert totals.grad.tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((10, 4), "embed_dim: expected a multiple of 2 . num_heads = 8, got 10"),
        ((16, 4, 3), "num_kv_heads: expected a divisor of num_heads = 4, got 3"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(sizes: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearAttention(*sizes)
