"""The entries of actions as values, by hand and back."""

import pytest
import torch

from tests.mixed import TASKS
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_values import ActionValues

VALUES = ActionValues(TaskSpaces(TASKS), num_bins=9)
CHOICE, WIDE, VECTOR = (torch.tensor([number]) for number in range(3))


def test_the_vocabulary_is_that_of_the_most_values_and_each_task_has_its_own_part() -> None:
    assert VALUES.vocabulary == 9
    assert VALUES.exists.sum(1).tolist() == [3, 4, 9]


def test_one_stays_in_its_block() -> None:
    """The bounds of a vector are the first and the last value; nothing leads beyond the vocabulary."""
    entries = torch.tensor([[[1.0, -1.0], [1.7, -3.0]]])
    assert VALUES.encode(entries, VECTOR).tolist() == [[[8, 0], [8, 0]]]


def test_an_entry_comes_back_within_half_a_step() -> None:
    entries = torch.linspace(-1, 1, 201).expand(1, 2, -1).mT
    back = VALUES.decode(VALUES.encode(entries, VECTOR), VECTOR)
    assert (back - entries).abs().max() <= 0.25 / 2 + 1e-6


@pytest.mark.parametrize(("task", "choices"), [(CHOICE, 3), (WIDE, 4)])
def test_a_choice_is_its_number_and_a_missing_entry_is_nothing(task: torch.Tensor, choices: int) -> None:
    entries = torch.stack([torch.arange(float(choices)), torch.full((choices,), 33.0)], dim=-1)[None]
    values = VALUES.encode(entries, task)
    assert values[0, :, 0].tolist() == list(range(choices))
    assert (values[..., 1] == 0).all()
    back = VALUES.decode(values, task)
    assert torch.equal(back[..., 0], entries[..., 0]) and (back[..., 1] == 0).all()


def test_choices_have_no_order() -> None:
    values = torch.tensor([[0, 8], [0, 8]])
    assert VALUES.numbers(values, torch.tensor([0, 2])).tolist() == [[0.0, 0.0], [-1.0, 1.0]]
