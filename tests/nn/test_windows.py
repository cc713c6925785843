"""Features of states against numbers worked out by hand, step by step against rows, and parts of an episode against the whole."""

import itertools

import pytest
import torch
from torch import Tensor

from tests.builders import refused
from tests.models.rows import steps_of
from understudy.nn.row_memory import RowMemory
from understudy.nn.windows import StateWindow
from understudy.scales import DIFFERENCE_ORDERS

ORDERS = range(DIFFERENCE_ORDERS + 1)
# Two components over six steps: 1, 4, 9, 17, 18, 18, and the steps' cubes.
STATES = torch.tensor([[1.0, 0.0], [4.0, 1.0], [9.0, 8.0], [17.0, 27.0], [18.0, 64.0], [18.0, 125.0]])


def play(window: StateWindow, rows: Tensor, start: int | None = None) -> Tensor:
    """Features (B, T, width) of rows (B, T, S) step by step; the odd ones begin another episode at `start`."""
    memory, features = RowMemory(len(rows), window.begin(len(rows))), []
    for time, step in enumerate(steps_of(rows, torch.zeros(rows.shape[:2]))):
        if time == start:
            memory.reset(torch.arange(1, len(rows), 2))
        features.append(window.decode_step(memory, step))
    return torch.stack(features, dim=1)


def test_a_state_has_differences_of_every_order_from_the_step_on_that_knows_them() -> None:
    first = [[0, 0], [3, 1], [5, 7], [8, 19], [1, 37], [0, 61]]
    second = [[0, 0], [0, 0], [2, 6], [3, 12], [-7, 18], [-1, 24]]
    third = [[0, 0], [0, 0], [0, 0], [1, 6], [-10, 6], [6, 6]]
    expected = torch.cat([STATES, torch.tensor(first), torch.tensor(second), torch.tensor(third)], dim=1)
    for orders in ORDERS:
        assert torch.equal(StateWindow(2, orders)(STATES), expected[:, : 2 + 2 * orders])


def test_each_order_is_measured_in_its_own_usual_size() -> None:
    window = StateWindow(2, 2, [[0.5, 4.0], [0.25, 2.0], [9.0, 9.0]])
    assert window(STATES)[3].tolist() == [17, 27, 8 / 0.5, 19 / 4, 3 / 0.25, 12 / 2]
    assert play(window, STATES[None])[0, 3].tolist() == [17, 27, 8 / 0.5, 19 / 4, 3 / 0.25, 12 / 2]
    assert not window.state_dict()


@pytest.mark.parametrize("orders", ORDERS)
def test_step_by_step_it_gives_to_the_bit_what_whole_rows_give(orders: int) -> None:
    window, rows = StateWindow(3, orders, torch.rand(3, 3).add(0.1).tolist()), torch.randn(4, 7, 3)
    assert torch.equal(play(window, rows), window(rows))


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("start", [1, 2, 3, 5])
def test_differences_stop_at_an_episodes_start(orders: int, start: int) -> None:
    window, rows = StateWindow(3, orders), torch.randn(4, 7, 3)
    expected = window(rows)
    expected[1::2, start:] = window(rows[1::2, start:])
    assert torch.equal(play(window, rows, start), expected)


def test_the_first_steps_after_a_start_by_hand() -> None:
    rows = torch.tensor([[[1.0], [4.0], [9.0], [16.0]], [[1.0], [2.0], [7.0], [9.0]]])
    played = play(StateWindow(1, 2), rows, 2)
    assert played[:, 2:].tolist() == [[[9, 5, 2], [16, 7, 2]], [[7, 0, 0], [9, 2, 0]]]


@pytest.mark.parametrize(("orders", "length"), list(itertools.product(ORDERS, range(1, 4))))
def test_rows_may_be_shorter_than_the_window(orders: int, length: int) -> None:
    window, states = StateWindow(2, orders), torch.randn(3, 5, length, 2)
    assert torch.equal(window(states), window(torch.cat([states, states], dim=-2))[..., :length, :])
    assert window(states).shape == (3, 5, length, window.width)


@pytest.mark.parametrize("orders", ORDERS)
def test_a_row_cut_from_an_episode_is_right_after_the_burn_in_and_not_before(orders: int) -> None:
    window, episode = StateWindow(2, orders), torch.randn(1, 9, 2)
    whole, cut = window(episode)[:, 4:], window(episode[:, 4:])
    assert torch.equal(cut[:, window.burn_in :], whole[:, window.burn_in :])
    assert orders == 0 or not torch.equal(cut[:, window.burn_in - 1], whole[:, window.burn_in - 1])
    assert window.burn_in == max(1, orders)


@pytest.mark.parametrize("orders", ORDERS)
def test_features_depend_on_the_window_and_on_no_later_state(orders: int) -> None:
    states = torch.randn(8, 1, requires_grad=True)
    features = StateWindow(1, orders)(states)
    for t in range(8):
        gradient = torch.autograd.grad(features[t] @ torch.rand(orders + 1), states, retain_graph=True)[0][:, 0]
        assert (gradient != 0).tolist() == [max(0, t - orders) <= u <= t for u in range(8)]


def test_what_is_remembered_is_not_the_callers() -> None:
    window, states = StateWindow(1, 1), torch.tensor([[[1.0], [3.0]]])
    memory = RowMemory(1, window.begin(1))
    first, second = steps_of(states, torch.zeros(1, 2))
    window.decode_step(memory, first)
    first.observation.fill_(7.0)
    assert window.decode_step(memory, second).tolist() == [[3.0, 2.0]]


def test_a_state_alone_needs_no_rows_and_no_memory() -> None:
    window = StateWindow(3, 0)
    assert window(torch.ones(3)).tolist() == [1, 1, 1]
    assert window.begin(2) == {}


@pytest.mark.parametrize("orders", [-1, 4])
def test_orders_that_have_no_scale_are_refused(orders: int) -> None:
    with refused(ValueError, f"state_differences: expected from 0 to 3 orders, got {orders}"):
        StateWindow(2, orders)


@pytest.mark.parametrize("scale", [[[1.0, 1.0]], [[1.0] * 3] * 2, [1.0, 1.0]], ids=str)
def test_a_size_for_every_component_and_order_is_asked_for(scale) -> None:
    with refused(
        ValueError, f"difference_scale: expected 2 rows of 2 numbers, got shape {tuple(torch.tensor(scale).shape)}"
    ):
        StateWindow(2, 2, scale)
