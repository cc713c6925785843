"""Rows of several agents: what each knows of the others' actions, written out by hand for three agents and three steps."""

import pytest
import torch

from understudy.nn.agents import check_agents, earlier_actions, own_last_actions, with_absent_zero

T, F = True, False
ACTIONS = torch.tensor([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
REAL = torch.tensor([[[T, T, F], [T, F, F], [T, T, T]]])
HIDE = torch.tensor([[[F, T, F], [F, F, F], [T, F, F]]])


def test_an_agents_own_last_action_is_that_of_the_step_before() -> None:
    actions, none = own_last_actions(ACTIONS, None)
    assert actions.tolist() == [[[1, 1, 2], [4, 4, 5], [7, 7, 8]]]
    assert none.tolist() == [[[T, F, F]] * 3]
    assert own_last_actions(ACTIONS, HIDE)[1].tolist() == [[[T, F, T], [T, F, F], [T, T, F]]]


def test_the_action_before_is_that_of_the_last_agent_who_is_there() -> None:
    actions, none = earlier_actions(ACTIONS, REAL, None)
    assert none.tolist() == [[[T, T, T], [F, F, T], [F, F, T]]]
    assert actions[~none].tolist() == [1, 2, 4, 2]  # at step 1 the second agent is gone, so the third sees the first
    assert earlier_actions(ACTIONS, REAL, HIDE)[1].tolist() == [[[T, T, T], [F, T, T], [F, T, T]]]


def test_there_need_not_be_as_many_agents_as_steps() -> None:
    actions, none = earlier_actions(ACTIONS[:, :, :2], REAL[:, :, :2], None)
    assert none.tolist() == [[[T, T], [F, F], [F, F]]]
    assert actions[~none].tolist() == [1, 2, 4, 2]


def test_vectors_are_looked_up_like_choices() -> None:
    vectors = torch.stack([ACTIONS, -ACTIONS], dim=-1).float()
    for look_up in (
        lambda actions: own_last_actions(actions, HIDE),
        lambda actions: earlier_actions(actions, REAL, HIDE),
    ):
        (choices, none), (looked_up, none_of_vectors) = look_up(ACTIONS), look_up(vectors)
        assert torch.equal(looked_up, torch.stack([choices, -choices], dim=-1).float())
        assert torch.equal(none, none_of_vectors)


def test_where_nobody_is_everything_is_zero() -> None:
    states = torch.full((1, 3, 3, 2), torch.nan)
    mask, seq_lens = torch.tensor([[T, T, F]]), torch.tensor([[2, 3, 99]])
    states, ids, actions, real = with_absent_zero(states, torch.tensor([[2, 0, -7]]), ACTIONS, seq_lens, mask)
    assert real.tolist() == [[[T, T, F], [T, T, T], [F, F, F]]]
    assert ids.tolist() == [[2, 0, 0]]
    assert actions.tolist() == [[[1, 2, 0], [4, 5, 6], [0, 0, 0]]]
    assert torch.equal(states.isnan().any(-1), real)


def arguments(**changes) -> dict:
    """What fits together: 2 rows of 3 agents and 4 steps."""
    whole = {
        "states": torch.zeros(2, 3, 4, 5),
        "agent_ids": torch.tensor([[0, 1, 2], [2, 1, -1]]),
        "actions": torch.zeros(2, 3, 4, dtype=torch.int64),
        "seq_lens": torch.tensor([[4, 1, 2], [3, 3, 0]]),
        "agent_mask": torch.tensor([[T, T, T], [T, T, F]]),
        "max_seq_len": 4,
        "max_num_agents": 3,
    }
    return whole | changes


def test_agents_that_fit_together_pass_whatever_stands_for_an_absent_one() -> None:
    check_agents(**arguments())


def test_actions_that_are_vectors_fit_as_well() -> None:
    check_agents(**arguments(actions=torch.zeros(2, 3, 4, 2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": torch.zeros(2, 3, 4)}, r"states: expected shape \(rows, agents, steps, entries\), got \(2, 3, 4\)"),
        ({"max_num_agents": 2}, "states: expected at most max_num_agents = 2 agents, got 3"),
        ({"max_seq_len": 3}, "states: expected at most max_seq_len = 3 steps, got 4"),
        ({"actions": torch.zeros(2, 3, 5)}, r"actions: expected 2 rows of 3 agents and 4 steps .*, got \(2, 3, 5\)"),
        ({"agent_ids": torch.zeros(2, 2)}, r"agent_ids: expected shape \(2, 3\), got \(2, 2\)"),
        ({"seq_lens": torch.ones(2)}, r"seq_lens: expected shape \(2, 3\), got \(2,\)"),
        ({"agent_mask": torch.ones(3, 2)}, r"agent_mask: expected shape \(2, 3\), got \(3, 2\)"),
        ({"agent_mask": torch.ones(2, 3)}, "agent_mask: expected booleans, got torch.float32"),
        ({"agent_ids": torch.full((2, 3), 3)}, "agent_ids: expected from 0 to 2, got 3 to 3"),
        ({"agent_ids": torch.full((2, 3), -1)}, "agent_ids: expected from 0 to 2, got -1 to -1"),
        ({"seq_lens": torch.full((2, 3), 5)}, "seq_lens: expected lengths from 1 to 4, got 5 to 5"),
        ({"seq_lens": torch.full((2, 3), 0)}, "seq_lens: expected lengths from 1 to 4, got 0 to 0"),
    ],
)
def test_agents_that_do_not_fit_together_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_agents(**arguments(**changes))
