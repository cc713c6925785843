"""What families remember of each row: begun anew, kept, and shared by the agents of an environment."""

import pytest
import torch

from understudy.nn.cache import KVCache
from understudy.nn.row_memory import RowMemory


def row_memory() -> RowMemory:
    tensors = {"action": torch.tensor([5, 6, 7]), "state": torch.tensor([[1.0], [2.0], [3.0]])}
    return RowMemory(3, tensors, cache_in_progress())


def cache_in_progress() -> KVCache:
    """Of three rows that are at the steps 8, 9 and 10 of their episodes."""
    cache = KVCache(3, num_layers=2, num_kv_heads=1, head_dim=4, context=2, tokens_per_step=2)
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


def grouped_memory() -> RowMemory:
    """Three environments of two agents each."""
    return RowMemory(6, {"action": torch.arange(1, 7)}, cache_in_progress(), 2, torch.tensor([0, 1] * 3))


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
