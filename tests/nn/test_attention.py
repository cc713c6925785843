"""Attention against torch's scaled_dot_product_attention, with rotary positions as 2 x 2 matrices.

Rotary positions (RoFormer, equation 15) turn the neighbours (x_2i, x_2i+1) by the angle step * 10000^(-2i/K).
"""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from understudy.nn.attention import (
    SMALLEST_BAND,
    WindowedAttention,
    as_bias,
    one_token_a_step,
    rotary_angles,
    rotary_frequencies,
    rotate,
    visible_mask,
    window_bands,
    window_mask,
)
from understudy.nn.cache import LayerKVCache
from understudy.nn.dot_product import Band, attend

T, F = True, False


def rotate_by_matrices(x: Tensor, steps: Tensor) -> Tensor:
    """Turn each neighbouring pair of x (..., L, K) by its 2 x 2 matrix for steps (L,)."""
    pairs = x.shape[-1] // 2
    angles = steps[:, None] * torch.tensor([10_000.0 ** (-i / pairs) for i in range(pairs)])
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = (angles.cos() * even - angles.sin() * odd, angles.sin() * even + angles.cos() * odd)
    return torch.stack(turned, dim=-1).flatten(-2)


def test_rotary_angles_of_literal_steps() -> None:
    rotation = rotary_angles(torch.tensor([0, 3]), rotary_frequencies(4, 1, 0))
    assert rotation.shape == (2, 1, 2) and rotation.dtype == torch.complex64
    torch.testing.assert_close(rotation[:, 0].real, torch.tensor([[1.0, 1.0], [math.cos(3), math.cos(0.03)]]))
    torch.testing.assert_close(rotation[:, 0].imag, torch.tensor([[0.0, 0.0], [math.sin(3), math.sin(0.03)]]))


def test_heads_are_turned_alike_and_some_not_at_all() -> None:
    rotation = rotary_angles(torch.tensor([0, 2, 9]), rotary_frequencies(8, 3, 2))
    assert rotation.shape == (3, 5, 4)
    assert torch.equal(rotation[:, 0], rotation[:, 1]) and torch.equal(rotation[:, 1], rotation[:, 2])
    assert (rotation[:, 3:] == 1).all() and (rotation[1:, :3] != 1).all()


def test_angles_of_a_late_step_are_as_exact_as_those_of_an_early_one() -> None:
    late = rotary_angles(torch.tensor([10_000_000, 10_000_001]), rotary_frequencies(8, 1, 0))
    early = rotary_angles(torch.tensor([0, 1]), rotary_frequencies(8, 1, 0))
    torch.testing.assert_close(late[1] / late[0], early[1] / early[0], atol=1e-6, rtol=0)


def test_rotate_turns_neighbouring_pairs() -> None:
    x = torch.randn(2, 5, 3, 8, generator=torch.Generator().manual_seed(0))
    steps = torch.tensor([0, 0, 4, 90, 700])
    expected = rotate_by_matrices(x.transpose(1, 2), steps).transpose(1, 2)
    rotation = rotary_angles(steps, rotary_frequencies(8, 3, 0))
    torch.testing.assert_close(rotate(x, rotation), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shift", [1, 17, 400])
def test_dot_products_depend_on_relative_steps_alone(shift: int) -> None:
    query, key = torch.randn(2, 1, 6, 1, 8, generator=torch.Generator().manual_seed(1))
    steps = torch.tensor([0, 1, 2, 5, 9, 20])

    def scores(at: Tensor) -> Tensor:
        rotation = rotary_angles(at, rotary_frequencies(8, 1, 0))
        return rotate(query, rotation)[:, :, 0] @ rotate(key, rotation)[:, :, 0].transpose(-1, -2)

    torch.testing.assert_close(scores(steps + shift), scores(steps), atol=1e-3, rtol=0)
    assert not torch.allclose(scores(2 * steps), scores(steps), atol=0.1)


def test_window_mask_of_two_tokens_a_step_and_two_steps() -> None:
    expected = [
        [T, F, F, F, F, F],
        [T, T, F, F, F, F],
        [T, T, T, F, F, F],
        [T, T, T, T, F, F],
        [F, F, T, T, T, F],
        [F, F, T, T, T, T],
    ]
    assert window_mask(torch.tensor([0, 0, 1, 1, 2, 2]), 2).tolist() == expected


def test_window_mask_of_one_step_sees_no_other_step() -> None:
    assert window_mask(torch.tensor([0, 0, 1, 1]), 1).tolist() == [
        [T, F, F, F],
        [T, T, F, F],
        [F, F, T, F],
        [F, F, T, T],
    ]


def test_window_mask_longer_than_the_row_is_causal() -> None:
    assert window_mask(torch.arange(3), 99).tolist() == [[T, F, F], [T, T, F], [T, T, T]]


def test_bias_of_a_literal_mask() -> None:
    bias = as_bias(torch.tensor([[T, F], [T, T]]))
    assert bias.dtype == torch.float32
    assert bias.tolist() == [[0.0, -math.inf], [0.0, 0.0]]


def attend_as_torch_does(layer: WindowedAttention, x: Tensor, steps: Tensor, allowed: Tensor) -> Tensor:
    width, heads = x.shape[-1], layer.num_heads
    projected = [
        functional.linear(x, weight).unflatten(-1, (heads, width // heads)).transpose(1, 2)
        for weight in layer.qkv_proj.weight.split(width)
    ]
    query, key, value = rotate_by_matrices(projected[0], steps), rotate_by_matrices(projected[1], steps), projected[2]
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    return functional.linear(mixed.transpose(1, 2).flatten(2), layer.output_proj.weight)


@pytest.mark.parametrize("window", [1, 2, 5])
@torch.no_grad()
def test_attention_is_masked_scaled_dot_product_attention(window: int) -> None:
    torch.manual_seed(2)
    layer, x = WindowedAttention(16, 2), torch.randn(3, 10, 16)
    steps = torch.arange(5).repeat_interleave(2)
    allowed = window_mask(steps, window)
    out = layer(x, rotary_angles(steps, layer.frequencies()), window_bands(steps, window, 2))
    torch.testing.assert_close(out, attend_as_torch_does(layer, x, steps, allowed), atol=1e-5, rtol=0)


@torch.no_grad()
def test_attention_stays_in_float32_where_layers_set_compute_dtype_bfloat16() -> None:
    torch.manual_seed(8)
    layer, x, steps = WindowedAttention(16, 2), torch.randn(3, 10, 16), torch.arange(5).repeat_interleave(2)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x, rotary_angles(steps, layer.frequencies()), window_bands(steps, 5, 2))
    heads = (
        functional.linear(x.bfloat16(), layer.qkv_proj.weight.bfloat16()).float().unflatten(-1, (6, 8)).transpose(1, 2)
    )
    query, key = rotate_by_matrices(heads[:, :2], steps), rotate_by_matrices(heads[:, 2:4], steps)
    mixed = functional.scaled_dot_product_attention(query, key, heads[:, 4:], attn_mask=window_mask(steps, 5))
    expected = functional.linear(mixed.transpose(1, 2).flatten(2).bfloat16(), layer.output_proj.weight.bfloat16())
    assert (out != expected).float().mean() < 0.05  # where two float32 sums straddle a rounding to bfloat16


@pytest.mark.parametrize(("tokens_per_step", "window"), [(1, 3), (2, 20), (3, 1), (2, 500)])
@torch.no_grad()
def test_a_long_row_in_bands_is_attended_to_as_a_whole(tokens_per_step: int, window: int) -> None:
    torch.manual_seed(5)
    steps = (7 + torch.arange(101)).repeat_interleave(tokens_per_step)
    layer, x = WindowedAttention(16, 2), torch.randn(2, len(steps), 16)
    bands = window_bands(steps, window, tokens_per_step)
    assert len(bands) > 1 or window == 500
    expected = attend_as_torch_does(layer, x, steps, window_mask(steps, window))
    torch.testing.assert_close(layer(x, rotary_angles(steps, layer.frequencies()), bands), expected, atol=1e-5, rtol=0)


def test_scores_grow_with_the_row_and_not_with_its_square() -> None:
    def scores(num_steps: int) -> int:
        return sum(band.bias.numel() for band in window_bands(torch.arange(num_steps), SMALLEST_BAND, 1))

    assert scores(64 * SMALLEST_BAND) < 2.1 * scores(32 * SMALLEST_BAND)


def test_bands_cover_every_query_once_in_order() -> None:
    bands = window_bands(torch.arange(5 * SMALLEST_BAND + 3), 10, 1)
    assert [row for band in bands for row in range(band.queries.start, band.queries.stop)] == list(
        range(5 * SMALLEST_BAND + 3)
    )


@pytest.mark.parametrize(
    ("window", "tokens_per_step", "starts"),
    [(1, 1, [0, 32, 64]), (2, 3, [0, 33, 66]), (16, 3, [0, 48])],
)
def test_a_band_is_as_long_as_the_window_and_no_less_than_the_whole_steps_of_32_tokens(
    window: int, tokens_per_step: int, starts: list[int]
) -> None:
    steps = torch.arange(96 // tokens_per_step).repeat_interleave(tokens_per_step)
    assert [band.queries.start for band in window_bands(steps, window, tokens_per_step)] == starts


def whole(allowed: Tensor) -> Band:
    """All queries and keys as one band."""
    return Band(slice(0, allowed.shape[0]), slice(0, allowed.shape[1]), as_bias(allowed))


def test_bands_of_one_token_a_step_keep_its_query_its_row_of_the_mask_and_all_keys() -> None:
    steps = torch.arange(2 * SMALLEST_BAND).repeat_interleave(3)
    bands = window_bands(steps, 2, 3)
    assert len(bands) > 1
    for token in range(3):
        for band, one in zip(bands, one_token_a_step(bands, token, 3), strict=True):
            queries = list(range(band.queries.start, band.queries.stop))
            assert queries[token::3] == list(range(*one.queries.indices(len(steps))))
            assert one.keys == band.keys
            assert torch.equal(one.bias, band.bias[token::3])


def test_the_softmax_is_in_float32_whatever_the_keys_are_in() -> None:
    """Scores of 100 / sqrt(8) and 101 / sqrt(8) are 0.35 apart; in bfloat16 they would be 0.5 apart."""
    query, keys = torch.zeros(1, 1, 1, 8), torch.zeros(1, 1, 2, 8)
    query[..., 0], keys[..., 0] = 1.0, torch.tensor([100.0, 101.0])
    values = torch.eye(2).repeat_interleave(4, dim=-1)[None, None]
    mixed = attend(query.bfloat16(), keys.bfloat16(), values.bfloat16(), torch.zeros(1, 2))
    assert mixed.dtype == torch.bfloat16
    share = 1 / (1 + math.exp(1 / math.sqrt(8)))
    torch.testing.assert_close(mixed[0, 0, [0, 4]].float(), torch.tensor([share, 1 - share]), atol=2e-3, rtol=0)


@torch.no_grad()
def test_a_token_that_sees_only_itself_gets_its_own_value() -> None:
    torch.manual_seed(3)
    layer, x = WindowedAttention(8, 2), torch.randn(1, 4, 8)
    out = layer(x, rotary_angles(torch.arange(4), layer.frequencies()), [whole(torch.eye(4, dtype=torch.bool))])
    value = functional.linear(x, layer.qkv_proj.weight[16:])
    torch.testing.assert_close(out, functional.linear(value, layer.output_proj.weight), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_token_attends_over_the_cache_that_it_joins() -> None:
    torch.manual_seed(4)
    layer, x = WindowedAttention(8, 2), torch.randn(2, 3, 8)
    cache = LayerKVCache(torch.zeros(2, 2, 2, 3, 4), slice(0, 2))
    allowed = torch.tensor([[T, F, F], [T, T, F], [T, T, T]])
    layer(x[:, :2], rotary_angles(torch.arange(2), layer.frequencies()), [whole(allowed[:2])], cache)
    cache.slots = slice(2, 3)
    last = layer(x[:, 2:], rotary_angles(torch.tensor([2]), layer.frequencies()), [whole(allowed[2:])], cache)
    together = layer(x, rotary_angles(torch.arange(3), layer.frequencies()), [whole(allowed)])
    torch.testing.assert_close(last, together[:, 2:], atol=1e-6, rtol=0)


def test_a_width_that_the_heads_cannot_share_in_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"embed_dim: expected a multiple of 2 \* num_heads = 8, got 20"):
        WindowedAttention(20, 4)


@pytest.mark.parametrize("head_dim", [0, 3, -2])
def test_a_width_of_a_head_that_is_no_pairs_is_refused(head_dim: int) -> None:
    with pytest.raises(ValueError, match=f"head_dim: expected an even number from 2 on, got {head_dim}"):
        WindowedAttention(16, 4, head_dim=head_dim)


@torch.no_grad()
def test_one_head_of_its_own_width_is_the_first_of_two_whose_other_puts_nothing_out() -> None:
    torch.manual_seed(0)
    both, one = WindowedAttention(16, 2), WindowedAttention(16, 1, head_dim=8)
    both.output_proj.weight[:, 8:] = 0.0
    one.qkv_proj.weight.copy_(both.qkv_proj.weight.unflatten(0, (6, 8))[::2].flatten(0, 1))
    one.output_proj.weight.copy_(both.output_proj.weight[:, :8])
    x, steps = torch.randn(2, 7, 16), torch.arange(7)
    got, expected = (
        each(x, rotary_angles(steps, each.frequencies()), window_bands(steps, 3, 1)) for each in (one, both)
    )
    torch.testing.assert_close(got, expected)


def test_tokens_that_do_not_exist_are_seen_by_themselves_alone() -> None:
    real = torch.tensor([[T, T, T], [F, T, F]])
    assert visible_mask(torch.tensor([0, 0, 1]), 2, real)[:, 0].tolist() == [
        [[T, F, F], [T, T, F], [T, T, T]],
        [[T, F, F], [F, T, F], [F, T, T]],
    ]


@torch.no_grad()
def test_a_long_row_in_bands_leaves_out_the_tokens_that_do_not_exist() -> None:
    torch.manual_seed(6)
    steps, real = torch.arange(101).repeat_interleave(2), torch.rand(2, 202) < 0.6
    layer, x = WindowedAttention(16, 2), torch.randn(2, 202, 16)
    seen = window_mask(steps, 20) & real[:, None, None] | torch.eye(202, dtype=torch.bool)
    out = layer(x, rotary_angles(steps, layer.frequencies()), window_bands(steps, 20, 2, real))
    torch.testing.assert_close(out, attend_as_torch_does(layer, x, steps, seen), atol=1e-5, rtol=0)
    other = torch.where(real[..., None], x, 100 * torch.randn(x.shape))
    changed = layer(other, rotary_angles(steps, layer.frequencies()), window_bands(steps, 20, 2, real))
    assert torch.equal(changed[real], out[real])
    assert not torch.equal(changed[~real], out[~real])


@torch.no_grad()
def test_weights_are_what_the_values_are_mixed_by() -> None:
    torch.manual_seed(7)
    layer, x, steps = WindowedAttention(16, 2), torch.randn(2, 10, 16), torch.arange(5).repeat_interleave(2)
    rotation, allowed = rotary_angles(steps, layer.frequencies()), window_mask(steps, 3)
    weights = layer.weights(x, rotation, as_bias(allowed))
    assert ((weights > 0) == allowed).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 10))
    value = functional.linear(x, layer.qkv_proj.weight[32:]).unflatten(-1, (2, 8)).transpose(1, 2)
    mixed = functional.linear((weights @ value).transpose(1, 2).flatten(2), layer.output_proj.weight)
    torch.testing.assert_close(layer(x, rotation, window_bands(steps, 3, 2)), mixed, atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_kv_heads", [1, 2])
@torch.no_grad()
def test_shared_keys_and_values_are_those_of_full_attention_repeated(num_kv_heads: int) -> None:
    torch.manual_seed(6)
    shared, full, x = WindowedAttention(16, 4, num_kv_heads), WindowedAttention(16, 4), torch.randn(2, 9, 16)
    queries, keys, values = shared.qkv_proj.weight.split([16, 4 * num_kv_heads, 4 * num_kv_heads])
    repeated = [
        part.unflatten(0, (-1, 4)).repeat_interleave(4 // num_kv_heads, dim=0).flatten(0, 1) for part in (keys, values)
    ]
    full.qkv_proj.weight.copy_(torch.cat([queries, *repeated]))
    full.output_proj.weight.copy_(shared.output_proj.weight)
    steps = torch.arange(9)
    bands, bias = window_bands(steps, 3, 1), as_bias(window_mask(steps, 3))
    one, other = rotary_angles(steps, shared.frequencies()), rotary_angles(steps, full.frequencies())
    torch.testing.assert_close(shared(x, one, bands), full(x, other, bands), atol=1e-6, rtol=0)
    torch.testing.assert_close(shared.weights(x, one, bias), full.weights(x, other, bias), atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_kv_heads", [0, 3, 8])
def test_heads_of_keys_that_cannot_be_shared_evenly_are_refused(num_kv_heads: int) -> None:
    with pytest.raises(ValueError, match=f"num_kv_heads: expected a divisor of num_heads = 4, got {num_kv_heads}"):
        WindowedAttention(16, 4, num_kv_heads)


@pytest.mark.parametrize("num_kv_heads", [1, 4])
def test_no_rows_at_all_are_attended_to_as_well(num_kv_heads: int) -> None:
    layer, steps = WindowedAttention(16, 4, num_kv_heads), torch.arange(5)
    out = layer(torch.zeros(0, 5, 16), rotary_angles(steps, layer.frequencies()), window_bands(steps, 3, 1))
    assert out.shape == (0, 5, 16)


def test_one_bias_for_all_queries_stays_one():
    band = Band(slice(0, 6), slice(0, 6), torch.zeros(1, 1, 1, 6))
    for token in range(3):
        [found] = one_token_a_step([band], token, 3)
        assert found.bias.shape == (1, 1, 1, 6)
