"""Beams behind a shared past, against attention over past and own keys laid out in one row for each beam."""

import torch
from torch import Tensor

from understudy.nn.beam_cache import BeamCache, LayerBeamCache
from understudy.nn.cache import KVCache
from understudy.nn.dot_product import Band, attend

ROWS, BEAMS, GROUPS, HEADS, WIDTH, SLOTS = 2, 3, 2, 4, 4, 5


def past_cache(context: int = 3) -> KVCache:
    """Two rows at step 4 of one token each, of which the second began at step 3."""
    cache = KVCache(ROWS, num_layers=1, num_kv_heads=GROUPS, head_dim=WIDTH, context=context, tokens_per_step=1)
    torch.manual_seed(0)
    for step in range(5):
        if step == 3:
            cache.reset(torch.tensor([1]))
        if step:
            cache.end_step()
        cache.begin_pass((0,))
        cache.layers[0].update(torch.randn(ROWS, 1, 2 * GROUPS, WIDTH))
    return cache


def test_beams_attend_to_the_past_of_their_row_and_to_their_own_tokens() -> None:
    torch.manual_seed(1)
    ring = torch.randn(2, ROWS, GROUPS, SLOTS, WIDTH)
    ring_bias = torch.zeros(ROWS, 1, 1, SLOTS)
    ring_bias[0, ..., 0], ring_bias[1, ..., 3:] = -torch.inf, -torch.inf
    own = torch.randn(2, ROWS * BEAMS, GROUPS, 6, WIDTH)
    layer = LayerBeamCache(ring, ring_bias, own.clone(), slice(2, 4))
    query, new_kv = torch.randn(ROWS * BEAMS, 2, HEADS, WIDTH), torch.randn(ROWS * BEAMS, 2, 2 * GROUPS, WIDTH)
    bias = torch.tensor([[0.0, 0.0, 0.0, -torch.inf], [0.0, -torch.inf, 0.0, 0.0]])
    mixed = layer.attend(query, new_kv, [Band(slice(0, 2), slice(None), bias)])
    own[:, :, :, 2:4] = new_kv.unflatten(2, (2, GROUPS)).permute(2, 0, 3, 1, 4)
    for beam in range(ROWS * BEAMS):
        row = beam // BEAMS
        key, value = torch.cat([ring[:, row], own[:, beam, :, :4]], dim=2)[:, None]
        both = torch.cat([ring_bias[row, 0].expand(2, -1), bias], dim=1)
        torch.testing.assert_close(mixed[beam], attend(query[beam][None], key, value, both)[0])
    assert torch.equal(layer.own, own)


def ring_sight(cache: BeamCache) -> list[list[bool]]:
    """Which of the ring's slots the present pass sees, row by row."""
    return (cache.layers[0].ring_bias[:, 0, 0] == 0).tolist()


def test_the_window_slides_on_as_steps_are_imagined() -> None:
    """Of a context of three steps: at step 4 those of steps 2 to 4, a step later 3 and 4; the ring's slots are 4, 1, 2, 3."""
    cache = BeamCache(past_cache(), 4)
    T, F = True, False
    clock, bias = cache.begin_pass(0, torch.ones(1, 1, dtype=torch.bool))
    assert clock.tolist() == [4] and bias.tolist() == [[0.0]]
    assert cache.past.slot_clock.tolist() == [4, 1, 2, 3]
    assert ring_sight(cache) == [[T, F, T, T], [T, F, F, T]]
    clock, _ = cache.begin_pass(1, torch.ones(1, 2, dtype=torch.bool))
    assert clock.tolist() == [5]
    assert ring_sight(cache) == [[T, F, F, T]] * 2
    _, bias = cache.begin_pass(3, torch.ones(2, 4, dtype=torch.bool))
    assert bias.tolist() == [[-torch.inf, 0.0, 0.0, 0.0]] * 2  # of steps 0, 1, 3 and 3 ahead
    assert ring_sight(cache) == [[F, F, F, F]] * 2


def filled(cache: BeamCache) -> Tensor:
    """Own keys (2, B W, G, capacity, K) that tell beam and slot."""
    own = cache.layers[0].own
    marks = 10.0 * torch.arange(own.shape[1])[:, None] + torch.arange(own.shape[3])
    own[:] = marks[None, :, None, :, None]
    return own


def test_beams_and_slots_are_put_in_the_order_that_is_asked_for() -> None:
    cache = BeamCache(past_cache(), 5)
    cache.begin_pass(0, torch.ones(1, 1, dtype=torch.bool))
    cache.begin_pass(1, torch.ones(3, 4, dtype=torch.bool))
    filled(cache)
    cache.rearrange(torch.tensor([1, 0, 1]), torch.tensor([[0, 2], [0, 1], [0, 3]]))
    own = cache.layers[0].own
    assert own.shape == (2, 3, GROUPS, 5, WIDTH)
    assert own[1, :, 1, :2, 0].tolist() == [[10.0, 12.0], [0.0, 1.0], [10.0, 13.0]]
    assert (cache.length, cache.steps_ahead.tolist()) == (2, [0, 1])
    cache.begin_pass(1, torch.ones(1, 3, dtype=torch.bool))
    assert cache.layers[0].slots == slice(2, 3)
