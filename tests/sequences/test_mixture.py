"""Batches of several tasks, on sequences of counted steps: which rows, how many of each task, how they are padded."""

import numpy as np
import pytest
import torch

from tests.builders import SEVERAL_CHOICES, by_hand, refused
from tests.mixed import ACTION_WIDTH, MIXED, SPECS, TASKS
from understudy.errors import DataError
from understudy.interface import Interface
from understudy.sequences.batch import concatenate
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset, SequenceMixture
from understudy.sequences.store import Sequences

NAMES = ("first", "second", "third")
COLUMNS = frozenset({"observation", "action", "label", "reward", "task", "final_observation"})
LENGTHS = ((20, 9), (7, 7, 7), (30,))
TOTALS = [29, 21, 30]


def counted(number: int) -> Sequences:
    """Sequences of a task whose rewards count its steps, and whose actions change with them."""
    task, total = TASKS[number], TOTALS[number]
    steps = np.arange(total)
    states = steps[:, None] + 100.0 * np.arange(task.state_dim)
    actions = steps % task.action_dim if task.discrete_actions else np.stack([np.sin(steps)] * task.action_dim, 1)
    return by_hand(
        SPECS[number], states, actions, LENGTHS[number], rewards=steps, interface=Interface((TASKS[number],))
    )


PARTS = tuple(map(counted, range(3)))


def mixed(weights=(1.0, 1.0, 1.0), chunk_length: int = 5, batch_size: int = 6) -> MixedDataset:
    mixture = SequenceMixture(NAMES, PARTS, weights, "0" * 64)
    return MixedDataset(mixture, tuple(SequenceDataset(part, chunk_length, batch_size, COLUMNS) for part in PARTS))


def test_a_mixture_is_all_of_its_tasks() -> None:
    mixture = mixed().mixture
    assert mixture.interface == MIXED
    assert (mixture.num_steps, mixture.num_sequences) == (80, 6)
    assert mixture.columns == PARTS[0].columns


def test_an_epoch_has_every_step_of_every_task() -> None:
    counted_steps = [np.zeros(total, int) for total in TOTALS]
    for batch in mixed().shuffled(0, 0):
        assert batch.mask.shape == (6, 5)
        for row, number in enumerate(batch["task"].tolist()):
            np.add.at(counted_steps[number], batch["reward"][row][batch.mask[row]].long().numpy(), 1)
    assert all((counts >= 1).all() for counts in counted_steps)
    assert min(counts.min() for counts in counted_steps) == 1  # it ends as soon as the last task has been gone through


def test_rows_are_those_of_their_task_and_as_wide_as_the_widest() -> None:
    for batch in mixed().shuffled(3, 1):
        assert batch["observation"].shape == (6, 5, 5)
        assert batch["action"].shape == batch["label"].shape == (6, 5, 2)
        assert batch["final_observation"].shape == (6, 5)
        for row, number in enumerate(batch["task"].tolist()):
            task, steps = TASKS[number], batch["reward"][row].numpy()
            raw = steps[:, None] + 100.0 * np.arange(task.state_dim)
            np.testing.assert_array_equal(
                batch["observation"][row, :, : task.state_dim], task.normalize_states(raw.astype(np.float32))
            )
            assert (batch["observation"][row, :, task.state_dim :] == 0).all()
            assert (batch["action"][row, :, task.num_entries :] == 0).all()
            if task.discrete_actions:
                np.testing.assert_array_equal(batch["action"][row, :, 0], steps % task.action_dim)
            assert (batch["label"][row] == batch["action"][row]).all()


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (3.0, 1.0, 2.0), (0.05, 0.9, 0.05)])
def test_tasks_are_drawn_by_their_weights(weights) -> None:
    shares = np.asarray(weights) / sum(weights)
    dataset = mixed(weights)
    batches = [batch for epoch in range(20) for batch in dataset.shuffled(0, epoch)]
    counts = np.stack([np.bincount(batch["task"], minlength=3) for batch in batches])
    assert (counts.sum(1) == 6).all()
    assert (np.abs(counts - 6 * shares) < 1 + 1e-9).all()
    assert np.abs(counts.mean(0) - 6 * shares).max() < 0.1


def test_batches_are_a_pure_function_of_seed_and_epoch() -> None:
    dataset = mixed()
    first, again = (list(dataset.shuffled(1, 2)) for _ in range(2))
    assert len(first) == len(again)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in COLUMNS)
    for seed, epoch in ((1, 3), (2, 2)):
        other = next(dataset.shuffled(seed, epoch))
        assert not torch.equal(other["reward"], first[0]["reward"])


def test_how_many_batches_are_read_at_once_changes_no_row(monkeypatch) -> None:
    together = list(mixed().shuffled(0, 0))
    monkeypatch.setattr("understudy.sequences.mixture.STEPS_READ_AT_ONCE", 60)  # two batches
    for one, other in zip(mixed().shuffled(0, 0), together, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in COLUMNS)


def test_in_order_every_step_counts_once_and_a_batch_has_one_task() -> None:
    seen = [[], [], []]
    for batch in mixed().in_order():
        [number] = set(batch["task"].tolist())
        seen[number] += batch["reward"][batch.mask].tolist()
        assert batch["observation"].shape[2] == 5
    assert [sorted(steps) for steps in seen] == [list(range(total)) for total in TOTALS]


def test_rows_of_batches_follow_one_another() -> None:
    one, other = list(mixed().in_order())[:2]
    both = concatenate([one, other])
    assert len(both.mask) == len(one.mask) + len(other.mask)
    assert torch.equal(both.rows(slice(len(one.mask), None))["reward"], other["reward"])


def test_several_agents_are_refused() -> None:
    several = by_hand(SEVERAL_CHOICES, np.zeros((6, 3)), np.zeros(6), [2, 2, 2])
    with refused(DataError, "tasks.second: expected one agent, got 3"):
        SequenceMixture(("first", "second"), (PARTS[0], several), (1.0, 1.0), "")


# How an interface pads


def test_an_interface_of_one_task_pads_nothing() -> None:
    single, choices = Interface(TASKS[:1]), np.asarray([2, 0])
    assert single.pad_actions(0, choices) is choices
    assert single.unpad_actions(0, choices) is choices
    states = np.zeros((2, 3), np.float32)
    assert single.pad_states(states) is states


def test_padding_is_undone() -> None:
    choices = np.asarray([[3, 0, 2]])
    padded = MIXED.pad_actions(1, choices)
    assert (padded.shape, padded.dtype) == ((1, 3, 2), np.float32)
    assert padded[..., 0].tolist() == [[3.0, 0.0, 2.0]]
    back = MIXED.unpad_actions(1, padded)
    assert back.dtype == np.int64
    np.testing.assert_array_equal(back, choices)
    vectors = np.float32([[0.5, -1.0]])
    np.testing.assert_array_equal(MIXED.unpad_actions(2, MIXED.pad_actions(2, vectors)), vectors)
    assert MIXED.pad_states(np.ones((4, 2), np.float32)).tolist() == [[1.0, 1.0, 0.0, 0.0, 0.0]] * 4
    assert ACTION_WIDTH == max(task.action_dim for task in TASKS)
