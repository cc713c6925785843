"""Widths of several tasks, and a map for each, against the maps one by one."""

import pytest
import torch

from tests.mixed import TASKS
from understudy.nn.task_spaces import TaskLinear, TaskSpaces, of_rows

IDS = torch.tensor([2, 0, 1, 0])


def linear() -> TaskLinear:
    torch.manual_seed(0)
    return TaskLinear([3, 5, 2], [3, 4, 2])


def test_widths_are_those_of_the_widest() -> None:
    spaces = TaskSpaces(TASKS)
    assert (spaces.state_width, spaces.entry_width, spaces.action_width, spaces.alike) == (5, 2, 4, False)
    assert spaces.is_choice.tolist() == [True, True, False]
    assert spaces.state_exists.sum(1).tolist() == [3, 5, 2]
    assert spaces.entry_exists.sum(1).tolist() == [1, 1, 2]
    assert TaskSpaces([TASKS[0], TASKS[0]]).alike


def test_a_single_task_has_its_actions_as_they_are() -> None:
    choices, vectors = TaskSpaces(TASKS[:1]), TaskSpaces(TASKS[2:])
    entries = choices.as_entries(torch.tensor([[2, 0]]))
    assert entries.tolist() == [[[2.0], [0.0]]]
    assert choices.as_actions(entries).tolist() == [[2, 0]]
    actions = torch.rand(1, 4, 2)
    assert vectors.as_entries(actions) is actions and vectors.as_actions(actions) is actions


@pytest.mark.parametrize("shape", [(), (6,)])
def test_each_row_goes_through_its_own_map(shape: tuple[int, ...]) -> None:
    maps, values = linear(), torch.randn(4, *shape, 5)
    with torch.inference_mode():
        together, alone = maps(values, IDS), maps(values[1:2], IDS[1:2])
    assert together.shape == (4, *shape, 4)
    for row, number in enumerate(IDS.tolist()):
        size_in, size_out = maps.in_dims[number], maps.out_dims[number]
        own = maps.maps[number](values[row, ..., :size_in])
        torch.testing.assert_close(together[row, ..., :size_out], own)
        assert (together[row, ..., size_out:] == 0).all()
    torch.testing.assert_close(alone, together[1:2])


def test_a_map_without_rows_has_gradients_of_zero() -> None:
    maps = linear()
    maps(torch.randn(2, 5), torch.tensor([1, 1])).sum().backward()
    assert [float(each.weight.grad.abs().sum()) > 0 for each in maps.maps] == [False, True, False]


def test_what_rows_have_is_laid_over_their_steps() -> None:
    assert of_rows(torch.zeros(4, 3), torch.zeros(4, 7, 3)).shape == (4, 1, 3)
    assert of_rows(torch.zeros(4, 3, 2), torch.zeros(4, 3, 2)).shape == (4, 3, 2)
