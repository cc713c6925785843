"""The ring of keys and values, with masks written out by hand for a context of two steps and two tokens a step."""

import pytest
import torch
from torch import Tensor

from understudy.nn.cache import EMPTY, KVCache, LayerKVCache, RowMemory

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


def row_memory() -> RowMemory:
    tensors = {"action": torch.tensor([5, 6, 7]), "state": torch.tensor([[1.0], [2.0], [3.0]])}
    return RowMemory(3, tensors, cache_in_progress())


def cache_in_progress() -> KVCache:
    """Of three rows that are at the steps 8, 9 and 10 of their episodes."""
    cache = small_cache(3)
    cache.clock, cache.episode_start = 12, torch.tensor([4, 3, 2])
    return cache


def test_beginning_again_clears_the_tensors_of_these_rows_alone() -> None:
    memory = row_memory()
    held = memory.tensors["action"]
    memory.reset(torch.tensor([0, 2]))
    assert held.tolist() == [5, 6, 7]  # what a caller holds is not written to
    assert memory.tensors["action"].tolist() == [0, 6, 0]
    assert memory.tensors["state"].tolist() == [[0.0], [2.0], [0.0]]
    assert memory.cache.episode_step.tolist() == [0, 9, 0]


def test_keeping_rows_of_a_memory_keeps_memory_and_cache_alike() -> None:
    memory = row_memory()
    memory.keep(torch.tensor([2, 1]))
    assert memory.num_rows == 2
    assert memory.tensors["action"].tolist() == [7, 6]
    assert memory.tensors["state"].tolist() == [[3.0], [2.0]]
    assert memory.cache.episode_step.tolist() == [10, 9]


def test_a_memory_without_a_cache_resets_and_keeps_its_tensors() -> None:
    memory = RowMemory(2, {"count": torch.tensor([3, 4])})
    memory.reset(torch.tensor([1]))
    memory.keep(torch.tensor([1]))
    assert memory.num_rows == 1
    assert memory.tensors["count"].tolist() == [0]


def test_tokens_of_one_step_see_each_other_in_order_where_that_is_asked_for() -> None:
    cache = small_cache(2)
    assert allowed_in_pass(cache, 0, 0).tolist() == [[[T, T, F, F, F, F]] * 2] * 2
    _, allowed = cache.begin_pass((0, 0), torch.tensor([[T, T], [F, T]]), in_order=True)
    assert allowed[0, 0].tolist() == [[T, T, T, F, F, F], [T, T, T, T, F, F]]
    assert allowed[1, 0].tolist() == [[T, T, T, F, F, F], [T, T, F, T, F, F]]
    cache.end_step()
    assert allowed_in_pass(cache, 0, 0)[1].tolist() == [[F, F, F, T, T, T]] * 2


def grouped_memory() -> RowMemory:
    """Three environments of two agents each."""
    return RowMemory(6, {"action": torch.arange(1, 7)}, cache_in_progress(), 2, torch.tensor([0, 1] * 3))


def test_a_token_that_is_said_to_exist_does_not_before_its_episode() -> None:
    cache = small_cache(2)
    allowed_in_pass(cache, 0, 0)
    cache.reset(torch.tensor([0]))
    cache.begin_pass((1, 0), torch.tensor([[T, T], [T, F]]))
    assert cache.valid.tolist() == [[F, F, F, T, F, F], [T, T, T, F, F, F]]


def test_agents_of_an_environment_begin_again_together() -> None:
    memory = grouped_memory()
    memory.reset(torch.tensor([0, 1, 4, 5]))
    assert memory.cache.episode_step.tolist() == [0, 9, 0]
    assert memory.tensors["action"].tolist() == [0, 0, 3, 4, 0, 0]
    assert memory.agent_ids.tolist() == [0, 1] * 3


def test_agents_of_an_environment_stay_together() -> None:
    memory = grouped_memory()
    memory.agent_ids = torch.arange(6)
    memory.keep(torch.tensor([4, 5, 0, 1]))
    assert memory.cache.episode_step.tolist() == [10, 8]
    assert memory.agent_ids.tolist() == [4, 5, 0, 1]
    assert memory.tensors["action"].tolist() == [5, 6, 1, 2]


@pytest.mark.parametrize("rows", [[0], [0, 2], [1, 0], [1, 2], [0, 1, 2]])
def test_a_part_of_an_environments_agents_can_neither_begin_nor_stay(rows: list[int]) -> None:
    for change in (grouped_memory().reset, grouped_memory().keep):
        with pytest.raises(ValueError, match="rows: expected all 2 agents of each environment in order, got"):
            change(torch.tensor(rows))


def test_every_row_has_the_seed_of_its_episode() -> None:
    memory = RowMemory(3)
    assert memory.seeds.tolist() == [0, 0, 0] and memory.seeds.dtype == torch.int64
    memory.reset(torch.tensor([2, 0]), torch.tensor([12, 10]))
    held = memory.seeds
    memory.reset(torch.tensor([1]), torch.tensor([2**40]))
    assert memory.seeds.tolist() == [10, 2**40, 12]
    assert held.tolist() == [10, 0, 12]  # what a caller holds is not written to
    memory.keep(torch.tensor([2, 1]))
    assert memory.seeds.tolist() == [12, 2**40]


def test_a_seed_that_is_not_known_is_not_the_last_ones() -> None:
    memory = RowMemory(2)
    memory.reset(torch.tensor([0, 1]), torch.tensor([5, 6]))
    memory.reset(torch.tensor([0]))
    assert memory.seeds.tolist() == [0, 6]


def test_how_to_play_outlasts_the_episodes() -> None:
    memory = RowMemory(3, settings={"beam_width": 4})
    memory.reset(torch.tensor([0, 1, 2]), torch.tensor([7, 8, 9]))
    memory.keep(torch.tensor([1]))
    assert memory.settings == {"beam_width": 4}
