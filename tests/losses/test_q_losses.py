"""Targets and losses of action values, by literals that were worked out by hand.

Rewards are powers of ten and the discount a half, so that each target says by its digits what went into it.
"""

import pytest
import torch
from torch import Tensor

from understudy.losses.q_losses import (
    clipped_double_q,
    conservative_penalty,
    discounted_returns,
    n_step_targets,
    row_priorities,
)

REWARDS = torch.tensor([[1.0, 10.0, 100.0, 1000.0, 7e6]])
VALUES = torch.tensor([[8e4, 16e4, 32e4, 64e4, 128e4, 5e8]])[..., None]  # of states 0 to 4, and one after a full row


def targets(length: int, ending: str, num_steps: int = 3, values: Tensor = VALUES) -> tuple[list[float], list[bool]]:
    """Those of a row of so many real steps that ends so, and where there are any."""
    flags = {name: torch.zeros(1, 5, dtype=torch.bool) for name in ("terminated", "truncated")}
    for name in ("terminated", "truncated"):
        flags[name][0, length - 1] = ending in (name, "both")
    lengths = torch.tensor([length])
    found, known = n_step_targets(REWARDS, values, lengths, **flags, num_steps=num_steps, discount=0.5)
    assert found.shape == (1, 5, 1) and not known[0, length:].any()
    return found[0, :length, 0].tolist(), known[0, :length].tolist()


def test_after_a_terminal_step_nothing_follows():
    # 1 + 10/2 + 100/4 + 64e4/8; 10 + 100/2 + 1000/4; 100 + 1000/2; 1000.
    assert targets(4, "terminated") == ([80031.0, 310.0, 600.0, 1000.0], [True] * 4)
    assert targets(4, "both") == targets(4, "terminated")


def test_after_a_step_that_was_cut_off_the_final_observation_does():
    """Its value stands after the row's last step: 128e4, that of place 4."""
    expected = [80031.0, 310.0 + 160e3, 600.0 + 320e3, 1000.0 + 640e3]
    assert targets(4, "truncated") == (expected, [True] * 4)


def test_where_the_episode_goes_on_the_last_state_that_is_seen_does():
    found, known = targets(4, "")
    assert known == [True, True, True, False]
    # From step 1 on fewer steps are left than three: 10 + 100/2 + 64e4/4; 100 + 64e4/2.
    assert found[:3] == [80031.0, 60.0 + 160e3, 100.0 + 320e3]


@pytest.mark.parametrize(
    ("num_steps", "expected"),
    [
        (1, [1.0 + 8e4, 10.0 + 16e4, 100.0 + 32e4, 1000.0]),
        (2, [6.0 + 8e4, 60.0 + 16e4, 600.0, 1000.0]),
        (9, [156.0, 310.0, 600.0, 1000.0]),
    ],
)
def test_so_many_steps_are_paid_before(num_steps, expected):
    assert targets(4, "terminated", num_steps)[0] == expected


def test_episodes_of_one_step():
    assert targets(1, "terminated") == ([1.0], [True])
    assert targets(1, "truncated") == ([1.0 + 8e4], [True])
    assert targets(1, "")[1] == [False]


def test_a_row_may_fill_all_of_its_steps():
    assert targets(5, "terminated", 1)[0][-1] == 7e6
    assert targets(5, "truncated", 1)[0][-1] == 7e6 + 2.5e8


def test_an_end_in_the_padding_is_none():
    flag = torch.tensor([[False, False, False, True, True]])
    given = (REWARDS, VALUES, torch.tensor([3]))
    none = torch.zeros_like(flag)
    for ends in ((flag, none), (none, flag)):
        found, known = n_step_targets(*given, *ends, num_steps=2, discount=0.5)
        assert known.tolist() == [[True, True, False, False, False]]
        assert found[0, :2, 0].tolist() == [6.0 + 8e4, 10.0 + 16e4]


def test_what_stands_in_the_padding_changes_no_target():
    values = VALUES.clone()
    values[:, 4:] = torch.nan
    assert targets(3, "terminated", values=values) == targets(3, "terminated")
    assert targets(3, "truncated", values=values) == targets(3, "truncated")


def test_every_head_has_a_target_of_its_own():
    found, _ = n_step_targets(
        torch.ones(1, 1), torch.tensor([[[0.0, 0.0], [2.0, 4.0]]]), torch.tensor([1]),
        torch.zeros(1, 1, dtype=torch.bool), torch.ones(1, 1, dtype=torch.bool), num_steps=1, discount=0.5,
    )  # fmt: skip
    assert found.tolist() == [[[2.0, 3.0]]]


ONLINE = torch.tensor([[1.0, 5.0, 0.0], [9.0, 2.0, 3.0], [0.0, 0.0, 1.0]])  # heads prefer 1, 0 and 2
TARGET = torch.tensor([[10.0, 20.0, 30.0], [11.0, 21.0, 31.0], [12.0, 19.0, 29.0]])


@pytest.mark.parametrize(
    ("num_clipped", "expected"), [(1, [20.0, 11.0, 29.0]), (2, [20.0, 11.0, 29.0]), (3, [19.0, 10.0, 29.0])]
)
def test_each_head_takes_its_own_best_choice_and_the_least_of_what_some_say_of_it(num_clipped, expected):
    assert clipped_double_q(ONLINE, TARGET, num_clipped).tolist() == expected


def test_the_pair_of_the_last_head_is_the_first():
    target = TARGET.clone()
    target[0, 2] = 5.0
    assert clipped_double_q(ONLINE, target, 2).tolist() == [20.0, 11.0, 5.0]


@pytest.mark.parametrize(
    ("discount", "rest", "expected"),
    [(0.5, 1000.0, [156.0, 310.0, 600.0, 1000.0]), (1.0, 1e6, [1000111.0, 1000110.0, 1000100.0, 1e6])],
)
def test_returns_are_what_came_and_what_is_left_after_the_row(discount, rest, expected):
    to_go = torch.full((1, 5), torch.nan)
    to_go[0, 3] = rest  # of the last real step, which is all that is read of it
    terminated = torch.arange(5)[None] == 3
    found, exact = discounted_returns(REWARDS, to_go, torch.tensor([4]), terminated, discount)
    assert found[0, :4].tolist() == expected
    assert exact.tolist() == [[True]]


def test_with_a_discount_a_row_that_goes_on_says_no_return():
    none = torch.zeros(1, 5, dtype=torch.bool)
    given = (REWARDS, REWARDS, torch.tensor([4]))
    assert discounted_returns(*given, none, 0.9)[1].tolist() == [[False]]
    assert discounted_returns(*given, none, 1.0)[1].tolist() == [[True]]
    in_padding = torch.arange(5)[None] == 4
    assert discounted_returns(*given, in_padding, 0.9)[1].tolist() == [[False]]


def test_the_conservative_penalty_is_a_cross_entropy_of_what_was_done():
    values = torch.tensor([[1.0, 2.0, 0.5], [3.0, 3.0, 3.0]])
    chosen = torch.tensor([1, 2])
    taken = values.gather(-1, chosen[:, None])[:, 0]
    for temperature in (1.0, 0.25):
        expected = torch.nn.functional.cross_entropy(values / temperature, chosen, reduction="none")
        torch.testing.assert_close(conservative_penalty(values, taken, temperature), temperature * expected)
    # The colder, the nearer to how much more the best is worth: 2 - 1.
    torch.testing.assert_close(conservative_penalty(values, values[:, 0], 0.01), torch.tensor([1.0, 0.01 * 1.0986]))


def test_a_rows_priority_is_nearly_its_greatest_error():
    errors = torch.tensor([[1.0, 3.0, torch.nan], [4.0, 2.0, 0.0], [5.0, 5.0, 5.0]])
    mask = torch.tensor([[True, True, False], [False, True, True], [False, False, False]])
    torch.testing.assert_close(row_priorities(errors, mask), torch.tensor([2.9, 1.9, 0.0]))
