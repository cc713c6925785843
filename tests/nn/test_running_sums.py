"""Running sums: the trunk's full pass is the reference for its steps with them, and a full pass a beam for what is imagined."""

import pytest
import torch
from torch import Tensor

from understudy.nn.running_sums import BeamSums, SumsCache
from understudy.nn.trunk import Trunk

T, F = True, False
each_kind = pytest.mark.parametrize("attention", ["performer", "elu"])


def build(attention: str, num_kv_heads: int = 1) -> Trunk:
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "num_heads": 2, "hidden_dim": 32, "context": None, "num_kv_heads": num_kv_heads}
    return Trunk(16, **sizes, attention=attention, num_random_features=12).eval()


def decoded(trunk: Trunk, tokens: Tensor, cache: SumsCache, **options) -> Tensor:
    """Features (B, T, D) of the last of each step's tokens (B, T, M, D)."""
    features = []
    for t in range(tokens.shape[1]):
        features.append(trunk.decode_step(tokens[:, t], (0,) * tokens.shape[2], cache, in_order=True, **options))
        cache.end_step()
    return torch.stack(features, dim=1)


def full_pass(trunk: Trunk, tokens: Tensor, real: Tensor | None = None) -> Tensor:
    steps = torch.arange(tokens.shape[1]).repeat_interleave(tokens.shape[2])
    return trunk(tokens.flatten(1, 2), steps, tokens.shape[2], real)[:, tokens.shape[2] - 1 :: tokens.shape[2]]


@each_kind
@pytest.mark.parametrize(("num_kv_heads", "tokens_per_step"), [(2, 1), (1, 1), (1, 3)])
@torch.no_grad()
def test_decoding_step_by_step_gives_the_full_pass(attention: str, num_kv_heads: int, tokens_per_step: int) -> None:
    trunk, tokens = build(attention, num_kv_heads), torch.randn(2, 90, tokens_per_step, 16)
    cache = trunk.new_cache(2, tokens_per_step)
    torch.testing.assert_close(decoded(trunk, tokens, cache), full_pass(trunk, tokens), atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_a_token_of_the_step_before_comes_with_the_present_one_and_not_before_the_first(attention: str) -> None:
    """As an action does with a state; the reference begins with the first step's second token."""
    trunk, tokens = build(attention), torch.randn(2, 8, 2, 16)
    cache, features = trunk.new_cache(2, 2), []
    for t in range(8):
        features.append(trunk.decode_step(tokens[:, t], (1, 0), cache))
        cache.end_step()
    steps = torch.arange(16).div(2, rounding_mode="floor")
    expected = trunk(tokens.flatten(1, 2)[:, 1:], steps[:15], 2)[:, ::2]
    torch.testing.assert_close(torch.stack(features, dim=1), expected, atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_a_row_plays_the_same_whenever_its_episode_begins_and_alone_forgets(attention: str) -> None:
    trunk, tokens = build(attention), torch.randn(3, 9, 1, 16)
    at_once = decoded(trunk, tokens, trunk.new_cache(3, 1))
    cache = trunk.new_cache(3, 1)
    cache.clock = 1_000_000
    cache.reset(torch.tensor([0, 1, 2]))
    first = decoded(trunk, tokens[:, :4], cache)
    cache.reset(torch.tensor([1]))
    assert cache.episode_step.tolist() == [4, 0, 4]
    again = decoded(trunk, tokens[:, 4:], cache)
    torch.testing.assert_close(torch.cat([first, again], dim=1)[[0, 2]], at_once[[0, 2]], atol=1e-5, rtol=0)
    fresh = decoded(trunk, tokens[[1], 4:], trunk.new_cache(1, 1))
    torch.testing.assert_close(again[[1]], fresh, atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_rows_that_are_kept_go_on_in_the_order_asked_for(attention: str) -> None:
    trunk, tokens = build(attention), torch.randn(3, 6, 1, 16)
    cache, expected = trunk.new_cache(3, 1), decoded(trunk, tokens, trunk.new_cache(3, 1))
    decoded(trunk, tokens[:, :3], cache)
    cache.keep(torch.tensor([2, 0]))
    torch.testing.assert_close(decoded(trunk, tokens[[2, 0], 3:], cache), expected[[2, 0], 3:], atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_tokens_that_do_not_exist_are_in_no_sum(attention: str) -> None:
    trunk, tokens = build(attention), torch.randn(2, 6, 2, 16)
    exists = torch.tensor([[T, T], [F, T]])
    features = decoded(trunk, tokens, trunk.new_cache(2, 2), exists=exists)
    expected = full_pass(trunk, tokens, exists.repeat(1, 6))
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)
    others = torch.where(exists[:, None, :, None], tokens, -3 * tokens)
    assert torch.equal(decoded(trunk, others, trunk.new_cache(2, 2), exists=exists), features)


@each_kind
@torch.no_grad()
def test_memory_stays_the_same_however_long_the_past(attention: str) -> None:
    trunk, tokens = build(attention), torch.randn(2, 50, 1, 16)
    cache, num_features = trunk.new_cache(2, 1), 12 if attention == "performer" else 8
    for steps in (1, 50):
        decoded(trunk, tokens[:, :steps], cache)
        assert [layer.sums.shape for layer in cache.layers] == [(2, 1, num_features, 9)] * 3


@each_kind
@torch.no_grad()
def test_sums_are_float32_where_matrices_are_bfloat16(attention: str) -> None:
    trunk, tokens = build(attention), torch.randn(2, 11, 1, 16)
    exact = full_pass(trunk, tokens)
    trunk.set_compute_dtype(torch.bfloat16)
    cache = trunk.new_cache(2, 1)
    rounded = decoded(trunk, tokens, cache)
    assert {layer.sums.dtype for layer in cache.layers} == {torch.float32}
    assert trunk.blocks[0].attention.qkv_proj.weight.dtype == torch.bfloat16
    assert {each.dtype for each in trunk.blocks[0].attention.features.buffers()} <= {torch.float32}
    torch.testing.assert_close(rounded, exact, atol=0.06, rtol=0)
    torch.testing.assert_close(rounded, full_pass(trunk, tokens), atol=0.03, rtol=0)


@pytest.mark.parametrize(("offsets", "in_order"), [((0, 0), False), ((0, 1), True)])
def test_tokens_that_are_not_in_order_are_refused(offsets: tuple[int, int], in_order: bool) -> None:
    cache = SumsCache(2, num_layers=1, num_kv_heads=1, num_features=3, head_dim=2)
    with pytest.raises(
        ValueError, match="step_offsets: expected tokens in order, since linear attention sums one after"
    ):
        cache.begin_pass(offsets, None, in_order)


# Beams


def past_of(trunk: Trunk, tokens: Tensor) -> SumsCache:
    """Rows that are at the last step of tokens (B, T, 1, D)."""
    cache = trunk.new_cache(len(tokens), 1)
    decoded(trunk, tokens, cache)
    cache.clock -= 1
    return cache


@each_kind
@torch.no_grad()
def test_beams_see_the_past_of_their_row_and_their_own_tokens(attention: str) -> None:
    """Two beams of two rows, as many tokens side by side, then in another order; the reference is a row for each beam."""
    trunk, past = build(attention), torch.randn(2, 5, 1, 16)
    cache = past_of(trunk, past)
    before = [layer.sums.clone() for layer in cache.layers]
    beams = trunk.new_beams(cache, 6)
    assert isinstance(beams, BeamSums)
    one, two, three = torch.randn(2, 2, 16), torch.randn(2, 3, 16), torch.randn(4, 1, 16)
    # A step's token for each row, then of the step after it two beside each other that do not see one another.
    trunk.decode_beams(one[:, :1], 0, torch.ones(1, 1, dtype=torch.bool), beams)
    side_by_side = trunk.decode_beams(two, 1, torch.tensor([[T, T, F, F], [T, F, T, F], [T, F, F, T]]), beams)
    # Both rows go on with their third and their first.
    beams.rearrange(torch.tensor([0, 0, 1, 1]), torch.tensor([[0, 3], [0, 1], [0, 3], [0, 1]]))
    last = trunk.decode_beams(three, 1, torch.ones(1, 3, dtype=torch.bool), beams)
    steps = torch.tensor([0, 1, 2, 3, 4, 4, 5, 5])
    for row in range(2):
        stem = torch.cat([past[row, :, 0], one[row, :1]])
        for token in range(3):
            alone = trunk(torch.cat([stem, two[row, [token]]])[None], steps[:7], 1)
            torch.testing.assert_close(side_by_side[row, token], alone[0, -1], atol=1e-5, rtol=0)
        for place, token in enumerate((2, 0)):
            whole = torch.cat([stem, two[row, [token]], three[2 * row + place]])
            torch.testing.assert_close(last[2 * row + place, 0], trunk(whole[None], steps, 1)[0, -1], atol=1e-5, rtol=0)
    assert all(torch.equal(layer.sums, sums) for layer, sums in zip(cache.layers, before, strict=True))
