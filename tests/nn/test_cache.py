"""The ring of keys and values, with masks written out by hand for a context of two steps and two tokens a step."""

import pytest
import torch
from torch import Tensor

from understudy.nn.cache import EMPTY, KVCache, LayerKVCache

T, F = True, False


def small_cache(num_rows: int = 1) -> KVCache:
    """Six slots: (context 2 + 1) * 2 tokens a step."""
    return KVCache(num_rows, num_layers=2, num_kv_heads=1, head_dim=4, context=2, tokens_per_step=2)


def allowed_in_pass(cache: KVCache, *step_offsets: int) -> Tensor:
    """Mask (B, L, R) of a step's only pass, of tokens `step_offsets` steps before the present one."""
    allowed = cache.begin_pass(step_offsets)[1][:, 0]
    cache.end_step()
    return allowed


def test_update_writes_the_pass_to_its_slots_and_returns_the_ring() -> None:
    layer = LayerKVCache(torch.zeros(2, 1, 2, 4, 1), slice(1, 3))
    new_kv = torch.tensor([[1.0, 10.0, 3.0, 30.0], [2.0, 20.0, 4.0, 40.0]])  # two keys, then two values a token
    keys, values = layer.update(new_kv.view(1, 2, 4, 1))
    assert keys[0, :, :, 0].tolist() == [[0.0, 1.0, 2.0, 0.0], [0.0, 10.0, 20.0, 0.0]]
    assert values[0, :, :, 0].tolist() == [[0.0, 3.0, 4.0, 0.0], [0.0, 30.0, 40.0, 0.0]]
    assert torch.equal(layer.ring, torch.stack([keys, values]))


def test_an_empty_cache_holds_one_step_more_than_the_context() -> None:
    cache = small_cache(3)
    assert cache.num_slots == 6
    assert [layer.ring.shape for layer in cache.layers] == [(2, 3, 1, 6, 4)] * 2
    assert cache.slot_clock.tolist() == [EMPTY] * 6
    assert not cache.valid.any() and cache.valid.shape == (3, 6)
    assert cache.episode_step.tolist() == [0, 0, 0]


def test_masks_of_passes_of_the_last_action_and_the_present_state() -> None:
    cache = small_cache()
    assert allowed_in_pass(cache, 1, 0).tolist() == [[[T, F, F, F, F, F], [F, T, F, F, F, F]]]
    assert allowed_in_pass(cache, 1, 0).tolist() == [[[F, T, T, F, F, F], [F, T, T, T, F, F]]]
    assert allowed_in_pass(cache, 1, 0).tolist() == [[[F, T, T, T, T, F], [F, F, F, T, T, T]]]
    assert cache.slot_clock.tolist() == [-1, 0, 0, 1, 1, 2]
    assert cache.valid.tolist() == [[F, T, T, T, T, T]]
    assert cache.episode_step.tolist() == [3]


def test_the_ring_comes_round_to_its_first_slots() -> None:
    cache = small_cache()
    for _ in range(3):
        allowed_in_pass(cache, 1, 0)
    assert allowed_in_pass(cache, 1, 0).tolist() == [[[T, F, F, T, T, T], [T, T, F, F, F, T]]]
    assert cache.slot_clock.tolist() == [2, 3, 0, 1, 1, 2]


def test_a_pass_gives_the_clock_at_its_tokens_steps() -> None:
    cache = small_cache()
    cache.clock = 7
    assert cache.begin_pass((2, 0))[0].tolist() == [5, 7]


def test_each_layer_writes_to_its_own_part_of_the_ring() -> None:
    cache = small_cache()
    allowed_in_pass(cache, 1, 0)
    cache.begin_pass((1, 0))
    cache.layers[1].update(torch.ones(1, 2, 2, 4))
    assert cache.layers[0].ring.abs().sum() == 0
    assert cache.layers[1].ring[0, 0, 0, :, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


def test_a_row_that_begins_again_sees_nothing_of_before_and_the_others_go_on() -> None:
    cache = small_cache(2)
    allowed_in_pass(cache, 1, 0)
    cache.reset(torch.tensor([0]))
    assert cache.episode_step.tolist() == [0, 1]
    allowed = allowed_in_pass(cache, 1, 0)
    assert allowed[0].tolist() == [[F, F, T, F, F, F], [F, F, F, T, F, F]]
    assert allowed[1].tolist() == [[F, T, T, F, F, F], [F, T, T, T, F, F]]
    assert allowed_in_pass(cache, 1, 0)[0].tolist() == [[F, F, F, T, T, F], [F, F, F, T, T, T]]


def test_keeping_rows_takes_them_in_the_order_asked_for() -> None:
    cache = small_cache(3)
    cache.clock, cache.episode_start = 9, torch.tensor([5, 4, 3])
    cache.valid = torch.eye(3, 6, dtype=torch.bool)
    for layer in cache.layers:
        layer.ring[0] = torch.arange(3.0).view(3, 1, 1, 1)
        layer.ring[1] = 10 * layer.ring[0]
    cache.keep(torch.tensor([2, 0]))
    assert cache.episode_step.tolist() == [6, 4]
    assert cache.valid.tolist() == [[F, F, T, F, F, F], [T, F, F, F, F, F]]
    for layer in cache.layers:
        assert layer.ring[:, :, 0, 0, 0].tolist() == [[2.0, 0.0], [20.0, 0.0]]


def test_a_pass_across_the_end_of_the_ring_is_refused() -> None:
    cache = small_cache()
    cache.begin_pass((0,) * 4)
    with pytest.raises(ValueError, match="ring of 6 slots evenly, got 4 tokens"):
        cache.begin_pass((0,) * 4)


def test_tokens_of_one_step_see_each_other_in_order_where_that_is_asked_for() -> None:
    cache = small_cache(2)
    assert allowed_in_pass(cache, 0, 0).tolist() == [[[T, T, F, F, F, F]] * 2] * 2
    _, allowed = cache.begin_pass((0, 0), torch.tensor([[T, T], [F, T]]), in_order=True)
    assert allowed[0, 0].tolist() == [[T, T, T, F, F, F], [T, T, T, T, F, F]]
    assert allowed[1, 0].tolist() == [[T, T, T, F, F, F], [T, T, F, T, F, F]]
    cache.end_step()
    assert allowed_in_pass(cache, 0, 0)[1].tolist() == [[F, F, F, T, T, T]] * 2


def test_a_token_that_is_said_to_exist_does_not_before_its_episode() -> None:
    cache = small_cache(2)
    allowed_in_pass(cache, 0, 0)
    cache.reset(torch.tensor([0]))
    cache.begin_pass((1, 0), torch.tensor([[T, T], [T, F]]))
    assert cache.valid.tolist() == [[F, F, F, T, F, F], [T, T, T, F, F, F]]


def test_slots_of_a_prompt_have_a_clock_and_begin_empty() -> None:
    cache = KVCache(2, num_layers=1, num_kv_heads=1, head_dim=4, context=2, tokens_per_step=2, prompt_tokens=3)
    assert cache.num_slots == 6
    assert cache.slot_clock.tolist() == [EMPTY] * 9
    assert cache.valid.shape == (2, 9)
