"""The trunk: its own full pass is the reference for its steps with a cache, and the pre-norm formula for a block.

A block is x + attention(norm(x)), then x + W2 gelu(W1 norm(x)).
"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from understudy.nn.attention import rotary_angles, window_bands
from understudy.nn.cache import KVCache
from understudy.nn.trunk import Block, Trunk

each_linear_kind = pytest.mark.parametrize("attention", ["performer", "elu"])


def small_trunk(num_layers: int, context: int, num_kv_heads: int | None = None) -> Trunk:
    torch.manual_seed(0)
    return Trunk(16, num_layers, num_heads=2, hidden_dim=32, context=context, num_kv_heads=num_kv_heads)


def token_by_token(trunk: Trunk, tokens: Tensor, cache: KVCache) -> Tensor:
    """Features (B, T, D) of tokens (B, T, D), one a step."""
    features = []
    for t in range(tokens.shape[1]):
        features.append(trunk.decode_step(tokens[:, [t]], (0,), cache))
        cache.end_step()
    return torch.stack(features, dim=1)


def test_a_trunk_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="num_layers, num_heads: expected at least 1 each, got 0 and 2"):
        small_trunk(num_layers=0, context=2)


@torch.no_grad()
def test_decoding_with_fewer_heads_than_the_width_has_room_for_gives_the_full_pass() -> None:
    torch.manual_seed(0)
    trunk, tokens = (
        Trunk(16, 2, num_heads=3, hidden_dim=4, context=4, num_kv_heads=1, head_dim=8),
        torch.randn(2, 11, 16),
    )
    cache = trunk.new_cache(2, tokens_per_step=1)
    assert cache.layers[0].ring.shape == (2, 2, 1, 5, 8)
    torch.testing.assert_close(
        token_by_token(trunk, tokens, cache), trunk(tokens, torch.arange(11), 1), atol=1e-5, rtol=0
    )


def test_a_trunk_of_one_layer_and_one_head_is_allowed() -> None:
    trunk = Trunk(16, num_layers=1, num_heads=1, hidden_dim=32, context=2)
    assert (len(trunk.blocks), trunk.head_dim) == (1, 16)


@torch.no_grad()
def test_a_block_adds_attention_and_then_a_feed_forward_layer() -> None:
    torch.manual_seed(2)
    block, x = Block(16, 2, 32), torch.randn(2, 5, 16)
    rotation, bands = rotary_angles(torch.arange(5), block.attention.frequencies()), window_bands(torch.arange(5), 3, 1)
    attended = x + block.attention(functional.layer_norm(x, (16,)), rotation, bands)
    widened = functional.gelu(functional.layer_norm(attended, (16,)) @ block.up_proj.weight.T + block.up_proj.bias)
    expected = attended + widened @ block.down_proj.weight.T + block.down_proj.bias
    torch.testing.assert_close(block(x, rotation, bands), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("context", "num_kv_heads"), [(1, 2), (2, 1), (4, 2), (4, 1), (20, 1)])
@torch.no_grad()
def test_decoding_token_by_token_gives_the_full_pass(context: int, num_kv_heads: int) -> None:
    trunk, tokens = small_trunk(3, context, num_kv_heads), torch.randn(2, 11, 16)
    cache = trunk.new_cache(2, tokens_per_step=1)
    torch.testing.assert_close(
        token_by_token(trunk, tokens, cache), trunk(tokens, torch.arange(11), 1), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("context", [1, 3])
@torch.no_grad()
def test_decoding_a_step_of_several_tokens_gives_the_features_of_its_last(context: int) -> None:
    """In order, as in the full pass, whose tokens do not see those after them."""
    trunk, tokens = small_trunk(3, context), torch.randn(2, 15, 16)
    cache, features = trunk.new_cache(2, tokens_per_step=3), []
    for t in range(5):
        features.append(trunk.decode_step(tokens[:, 3 * t : 3 * t + 3], (0, 0, 0), cache, in_order=True))
        cache.end_step()
    expected = trunk(tokens, torch.arange(5).repeat_interleave(3), 3)[:, 2::3]
    torch.testing.assert_close(torch.stack(features, dim=1), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_row_plays_the_same_whenever_its_episode_begins() -> None:
    trunk, tokens = small_trunk(2, 3, 1), torch.randn(2, 6, 16)
    cache = trunk.new_cache(2, tokens_per_step=1)
    at_once = token_by_token(trunk, tokens, cache)
    cache.clock = 1_000_000
    cache.reset(torch.tensor([0, 1]))
    torch.testing.assert_close(token_by_token(trunk, tokens, cache), at_once, atol=1e-5, rtol=0)


@torch.no_grad()
def test_matrices_in_bfloat16_give_nearly_the_same_and_keep_a_cache_of_that_kind() -> None:
    trunk, tokens = small_trunk(num_layers=3, context=4), torch.randn(2, 11, 16)
    exact = trunk(tokens, torch.arange(11), 1)
    trunk.set_compute_dtype(torch.bfloat16)
    cache = trunk.new_cache(2, tokens_per_step=1)
    assert {layer.ring.dtype for layer in cache.layers} == {torch.bfloat16}
    decoded = token_by_token(trunk, tokens, cache)
    assert decoded.dtype == torch.float32
    torch.testing.assert_close(decoded, exact, atol=0.06, rtol=0)
    torch.testing.assert_close(decoded, trunk(tokens, torch.arange(11), 1), atol=0.03, rtol=0)


@torch.no_grad()
def test_features_do_not_depend_on_where_the_steps_begin() -> None:
    trunk, tokens = small_trunk(num_layers=2, context=3), torch.randn(1, 8, 16)
    torch.testing.assert_close(
        trunk(tokens, torch.arange(8) + 300, 1), trunk(tokens, torch.arange(8), 1), atol=1e-4, rtol=0
    )


def linear_trunk(attention: str, **options) -> Trunk:
    torch.manual_seed(0)
    return Trunk(16, 3, 2, 32, context=None, attention=attention, num_random_features=12, **options)


@each_linear_kind
def test_under_linear_attention_a_token_sees_all_of_its_row_up_to_itself(attention: str) -> None:
    tokens = torch.randn(1, 100, 16, requires_grad=True)
    linear_trunk(attention)(tokens, torch.arange(100), 1)[0, 90, 0].backward()
    assert (tokens.grad[0] != 0).any(dim=-1).tolist() == [True] * 91 + [False] * 9


@each_linear_kind
def test_asking_linear_attention_for_one_token_a_step_gives_that_part_of_the_full_pass(attention: str) -> None:
    trunk, tokens = linear_trunk(attention), torch.randn(2, 90, 16)
    steps, real = torch.arange(30).repeat_interleave(3), torch.rand(2, 90) < 0.8
    for token in range(3):
        asked, features = trunk(tokens, steps, 3, real, token=token), trunk(tokens, steps, 3, real)[:, token::3]
        torch.testing.assert_close(asked, features, atol=1e-5, rtol=0)


@each_linear_kind
def test_recomputed_activations_of_linear_attention_give_the_same_gradients(attention: str) -> None:
    tokens, steps, gradients = torch.randn(2, 70, 16), torch.arange(70), []
    for gradient_checkpointing in (False, True):
        trunk = linear_trunk(attention, gradient_checkpointing=gradient_checkpointing)
        trunk(tokens, steps, 1).square().sum().backward()
        gradients.append([weights.grad for weights in trunk.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@each_linear_kind
def test_maps_of_linear_attention_reach_back_to_the_first_token(attention: str) -> None:
    maps = linear_trunk(attention).attention_maps(torch.randn(2, 9, 16), torch.arange(9), 1)
    for layer in maps:
        torch.testing.assert_close(layer.sum(-1), torch.ones(2, 2, 9))
        assert (layer.triu(1) == 0).all() and (layer.tril() > 0).sum() == 2 * 2 * 45


def test_layers_look_back_over_one_context_each() -> None:
    trunk = small_trunk(num_layers=3, context=2)
    tokens = torch.randn(1, 8, 16, requires_grad=True)
    trunk(tokens, torch.arange(8), 1)[0, 6, 0].backward()
    assert (tokens.grad[0] != 0).any(dim=-1).tolist() == [False, False, False, True, True, True, True, False]


def test_a_new_cache_has_the_trunks_sizes() -> None:
    cache = small_trunk(num_layers=3, context=4).new_cache(5, tokens_per_step=2)
    assert [layer.ring.shape for layer in cache.layers] == [(2, 5, 2, 10, 8)] * 3


def test_a_context_of_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="context: expected at least 1 step, got 0"):
        Trunk(embed_dim=16, num_layers=1, num_heads=2, hidden_dim=32, context=0)


def test_softmax_attention_needs_a_context() -> None:
    with pytest.raises(ValueError, match="context: expected at least 1 step, got None"):
        Trunk(embed_dim=16, num_layers=1, num_heads=2, hidden_dim=32, context=None)


def test_random_features_have_to_be_so_many() -> None:
    with pytest.raises(ValueError, match="num_random_features: expected at least 1, got None"):
        Trunk(16, 1, 2, 32, context=None, attention="performer")


@torch.no_grad()
def test_tokens_that_do_not_exist_change_nothing_for_the_others() -> None:
    trunk, tokens, steps = small_trunk(num_layers=3, context=4), torch.randn(2, 11, 16), torch.arange(11)
    real = torch.ones(2, 11, dtype=torch.bool)
    assert torch.equal(trunk(tokens, steps, 1, real), trunk(tokens, steps, 1))
    real[0, [2, 5]] = False
    features, others = trunk(tokens, steps, 1, real), torch.where(real[..., None], tokens, -3 * tokens)
    assert torch.equal(trunk(others, steps, 1, real)[real], features[real])
    assert not torch.equal(features[0], trunk(tokens, steps, 1)[0])


@pytest.mark.parametrize("tokens_per_step", [1, 2, 3])
@pytest.mark.parametrize("some_missing", [False, True])
def test_asking_for_one_token_a_step_gives_that_part_of_the_full_pass(tokens_per_step: int, some_missing: bool) -> None:
    """Over 70 steps, which are several bands; gradients too."""
    trunk, length = small_trunk(num_layers=2, context=4), 70 * tokens_per_step
    tokens, steps = torch.randn(2, length, 16), torch.arange(70).repeat_interleave(tokens_per_step)
    real = torch.rand(2, length, generator=torch.Generator().manual_seed(1)) < 0.8 if some_missing else None
    for token in range(tokens_per_step):
        gradients = []
        for asked in (token, None):
            features = trunk(tokens, steps, tokens_per_step, real, token=asked)
            features = features if asked is not None else features[:, token::tokens_per_step]
            assert features.shape == (2, 70, 16)
            gradients.append([features, *torch.autograd.grad(features.square().sum(), list(trunk.parameters()))])
        torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-4)


def test_recomputed_activations_give_the_same_gradients_and_are_not_kept() -> None:
    tokens, steps, kept, gradients = torch.randn(2, 11, 16), torch.arange(11), [], []
    for gradient_checkpointing in (False, True):
        trunk = small_trunk(num_layers=3, context=4)
        trunk.gradient_checkpointing = gradient_checkpointing
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda saved, sizes=sizes: sizes.append(saved.numel()) or saved, lambda saved: saved
        ):
            features = trunk(tokens, steps, 1)
        features.square().sum().backward()
        kept.append(sum(sizes))
        gradients.append([features, *(weights.grad for weights in trunk.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
    assert kept[1] < 0.2 * kept[0]
