"""The ring of keys and values, with masks written out by hand for a context of two steps and two tokens a step."""

import pytest
import torch
from torch import Tensor

from understudy.nn.cache import EMPTY, Cache, LayerCache, PlayState

T, F = True, False


def small_cache(num_rows: int = 1) -> Cache:
    """Six slots: (context 2 + 1) * 2 tokens a step."""
    return Cache(num_rows, num_layers=2, num_kv_heads=1, head_dim=4, context=2, tokens_per_step=2)


def allowed_in_pass(cache: Cache, *steps: list[int]) -> Tensor:
    """Mask (B, L, R) of a pass of tokens of `steps`, one list a row."""
    return cache.begin_pass(torch.tensor(steps))[1][:, 0]


def test_extend_writes_the_pass_to_its_slots_and_returns_the_ring() -> None:
    keys, values = torch.zeros(1, 1, 4, 1), torch.zeros(1, 1, 4, 1)
    layer = LayerCache(keys, values, slice(1, 3))
    key, value = torch.tensor([1.0, 2.0]).view(1, 1, 2, 1), torch.tensor([3.0, 4.0]).view(1, 1, 2, 1)
    ring_keys, ring_values = layer.extend(key, value)
    assert ring_keys.flatten().tolist() == [0.0, 1.0, 2.0, 0.0]
    assert ring_values.flatten().tolist() == [0.0, 3.0, 4.0, 0.0]
    assert keys.flatten().tolist() == [0.0, 1.0, 2.0, 0.0]


def test_an_empty_cache_holds_one_step_more_than_the_context() -> None:
    cache = small_cache(3)
    assert cache.num_slots == 6
    assert cache.keys.shape == cache.values.shape == (2, 3, 1, 6, 4)
    assert cache.slot_steps.tolist() == [[EMPTY] * 6] * 3
    assert cache.step.tolist() == [0, 0, 0]


def test_masks_of_passes_of_the_last_action_and_the_present_state() -> None:
    cache = small_cache()
    assert allowed_in_pass(cache, [-1, 0]).tolist() == [[[T, F, T, T, T, T], [F, T, F, F, F, F]]]
    assert allowed_in_pass(cache, [0, 1]).tolist() == [[[F, T, T, F, F, F], [F, T, T, T, F, F]]]
    assert allowed_in_pass(cache, [1, 2]).tolist() == [[[F, T, T, T, T, F], [F, F, F, T, T, T]]]
    assert cache.slot_steps.tolist() == [[EMPTY, 0, 0, 1, 1, 2]]


def test_the_ring_comes_round_to_its_first_slots() -> None:
    cache = small_cache()
    for steps in ([-1, 0], [0, 1], [1, 2]):
        allowed_in_pass(cache, steps)
    assert allowed_in_pass(cache, [2, 3]).tolist() == [[[T, F, F, T, T, T], [T, T, F, F, F, T]]]
    assert cache.slot_steps.tolist() == [[2, 3, 0, 1, 1, 2]]


def test_each_layer_gets_a_view_of_its_own_part_of_the_ring() -> None:
    cache = small_cache()
    allowed_in_pass(cache, [-1, 0])
    layers, _ = cache.begin_pass(torch.tensor([[0, 1]]))
    layers[1].extend(torch.ones(1, 1, 2, 4), torch.ones(1, 1, 2, 4))
    assert cache.keys[0].abs().sum() == 0
    assert cache.keys[1, 0, 0, :, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]


def test_a_row_that_begins_again_sees_nothing_of_before_and_the_others_go_on() -> None:
    cache = small_cache(2)
    allowed_in_pass(cache, [-1, 0], [-1, 0])
    cache.step = torch.tensor([1, 1])
    cache.reset(torch.tensor([0]))
    assert cache.step.tolist() == [0, 1]
    allowed = allowed_in_pass(cache, [-1, 0], [0, 1])
    assert allowed[0].tolist() == [[T, T, T, F, T, T], [F, F, F, T, F, F]]
    assert allowed[1].tolist() == [[F, T, T, F, F, F], [F, T, T, T, F, F]]


def test_keeping_rows_takes_them_in_the_order_asked_for() -> None:
    cache = small_cache(3)
    cache.step = torch.tensor([4, 5, 6])
    cache.slot_steps = torch.arange(18).view(3, 6)
    cache.keys[:] = torch.arange(3.0).view(1, 3, 1, 1, 1)
    cache.values[:] = 10 * torch.arange(3.0).view(1, 3, 1, 1, 1)
    cache.keep(torch.tensor([2, 0]))
    assert cache.step.tolist() == [6, 4]
    assert cache.slot_steps[:, 0].tolist() == [12, 0]
    assert cache.keys[1, :, 0, 0, 0].tolist() == [2.0, 0.0]
    assert cache.values[1, :, 0, 0, 0].tolist() == [20.0, 0.0]


def test_a_pass_across_the_end_of_the_ring_is_refused() -> None:
    cache = small_cache()
    cache.begin_pass(torch.zeros(1, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="ring of 6 slots evenly, got 4 tokens"):
        cache.begin_pass(torch.zeros(1, 4, dtype=torch.int64))


def play_state() -> PlayState:
    memory = {"action": torch.tensor([5, 6, 7]), "state": torch.tensor([[1.0], [2.0], [3.0]])}
    return PlayState(3, memory, small_cache(3))


def test_beginning_again_clears_the_memory_of_these_rows_alone() -> None:
    state = play_state()
    state.cache.step = torch.tensor([8, 9, 10])
    state.reset(torch.tensor([0, 2]))
    assert state.memory["action"].tolist() == [0, 6, 0]
    assert state.memory["state"].tolist() == [[0.0], [2.0], [0.0]]
    assert state.cache.step.tolist() == [0, 9, 0]


def test_keeping_rows_of_a_play_state_keeps_memory_and_cache_alike() -> None:
    state = play_state()
    state.cache.step = torch.tensor([8, 9, 10])
    state.keep(torch.tensor([2, 1]))
    assert state.num_rows == 2
    assert state.memory["action"].tolist() == [7, 6]
    assert state.memory["state"].tolist() == [[3.0], [2.0]]
    assert state.cache.step.tolist() == [10, 9]


def test_a_play_state_without_a_cache_resets_and_keeps_its_memory() -> None:
    state = PlayState(2, {"count": torch.tensor([3, 4])})
    state.reset(torch.tensor([1]))
    state.keep(torch.tensor([1]))
    assert state.num_rows == 1
    assert state.memory["count"].tolist() == [0]


def test_tokens_of_one_step_see_each_other_in_order_where_that_is_asked_for() -> None:
    cache = small_cache(2)
    assert allowed_in_pass(cache, [0, 0], [0, 0]).tolist() == [[[T, T, F, F, F, F]] * 2] * 2
    _, allowed = cache.begin_pass(torch.tensor([[1, 1], [-1, 1]]), in_order=True)
    assert allowed[0, 0].tolist() == [[T, T, T, F, F, F], [T, T, T, T, F, F]]
    assert allowed[1, 0].tolist() == [[F, F, T, F, T, T], [T, T, F, T, F, F]]


def grouped_state() -> PlayState:
    """Three environments of two agents each."""
    state = PlayState(6, {"action": torch.arange(1, 7)}, small_cache(3), 2, torch.tensor([0, 1] * 3))
    state.cache.step = torch.tensor([8, 9, 10])
    return state


def test_agents_of_an_environment_begin_again_together() -> None:
    state = grouped_state()
    state.reset(torch.tensor([0, 1, 4, 5]))
    assert state.cache.step.tolist() == [0, 9, 0]
    assert state.memory["action"].tolist() == [0, 0, 3, 4, 0, 0]
    assert state.agent_ids.tolist() == [0, 1] * 3


def test_agents_of_an_environment_stay_together() -> None:
    state = grouped_state()
    state.agent_ids = torch.arange(6)
    state.keep(torch.tensor([4, 5, 0, 1]))
    assert state.cache.step.tolist() == [10, 8]
    assert state.agent_ids.tolist() == [4, 5, 0, 1]
    assert state.memory["action"].tolist() == [5, 6, 1, 2]


@pytest.mark.parametrize("rows", [[0], [0, 2], [1, 0], [1, 2], [0, 1, 2]])
def test_a_part_of_an_environments_agents_can_neither_begin_nor_stay(rows: list[int]) -> None:
    for change in (grouped_state().reset, grouped_state().keep):
        with pytest.raises(ValueError, match="rows: expected all 2 agents of each environment in order, got"):
            change(torch.tensor(rows))
