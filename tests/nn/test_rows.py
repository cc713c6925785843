"""Checks of rows against messages with both numbers, and one step at play time against the trunk's full pass."""

import pytest
import torch

from understudy.nn.cache import PlayState
from understudy.nn.heads import ActionRange
from understudy.nn.rows import (
    advance_to_state,
    check_bounds,
    check_rows,
    check_sizes,
    last_states,
    no_actions,
)
from understudy.nn.trunk import Trunk

STATES, CHOICES = torch.zeros(2, 4, 3), torch.zeros(2, 4, dtype=torch.int64)


def test_rows_that_belong_together_pass() -> None:
    check_rows(STATES, CHOICES, torch.tensor([1, 4]), 4)
    check_rows(STATES, torch.zeros(2, 4, 5), torch.tensor([4, 4]), 100)


def test_a_batch_of_no_rows_passes() -> None:
    check_rows(STATES[:0], CHOICES[:0], torch.zeros(0, dtype=torch.int64), 4)


@pytest.mark.parametrize(
    ("actions", "seq_lens", "max_seq_len", "message"),
    [
        (CHOICES, [4, 4], 3, r"states: expected at most max_seq_len = 3 steps, got 4"),
        (CHOICES[:, :3], [4, 4], 9, r"actions: expected 2 rows of 4 steps as in states, got \(2, 3\)"),
        (CHOICES[:1], [4, 4], 9, r"actions: expected 2 rows of 4 steps as in states, got \(1, 4\)"),
        (CHOICES, [4], 9, r"seq_lens: expected shape \(2,\), got \(1,\)"),
        (CHOICES, [[4, 4]], 9, r"seq_lens: expected shape \(2,\), got \(1, 2\)"),
        (CHOICES, [0, 4], 9, r"seq_lens: expected lengths from 1 to 4, got 0 to 4"),
        (CHOICES, [1, 5], 9, r"seq_lens: expected lengths from 1 to 4, got 1 to 5"),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(actions, seq_lens, max_seq_len, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_rows(STATES, actions, torch.tensor(seq_lens), max_seq_len)


def test_no_action_is_a_zero_of_the_actions_kind() -> None:
    assert no_actions(2, 3, discrete_actions=True).tolist() == [0, 0]
    assert no_actions(2, 3, discrete_actions=True).dtype == torch.int64
    assert no_actions(2, 3, discrete_actions=False).tolist() == [[0.0] * 3] * 2


def small_trunk(context: int) -> Trunk:
    torch.manual_seed(0)
    return Trunk(embed_dim=16, num_layers=2, num_heads=2, hidden_dim=32, context=context)


def test_the_state_a_step_ago_is_the_present_one_at_an_episodes_start() -> None:
    state = PlayState(2, {"state": torch.zeros(2, 1)}, small_trunk(2).new_cache(2, 2))
    assert last_states(state, torch.tensor([[1.0], [2.0]])).tolist() == [[1.0], [2.0]]
    state.cache.end_step()
    assert last_states(state, torch.tensor([[3.0], [4.0]])).tolist() == [[1.0], [2.0]]
    state.cache.end_step()
    state.cache.reset(torch.tensor([1]))
    assert last_states(state, torch.tensor([[5.0], [6.0]])).tolist() == [[3.0], [6.0]]


def test_where_no_state_is_remembered_the_present_one_comes_back() -> None:
    state = PlayState(1, {}, small_trunk(2).new_cache(1, 2))
    state.cache.end_step()
    assert last_states(state, torch.tensor([[7.0]])).tolist() == [[7.0]]
    assert state.memory == {}


@pytest.mark.parametrize("context", [1, 3])
@torch.no_grad()
def test_last_action_and_present_state_as_one_pass_give_the_full_pass(context: int) -> None:
    trunk = small_trunk(context)
    state_tokens, action_tokens = torch.randn(2, 1, 7, 16)
    state = PlayState(1, {}, trunk.new_cache(1, tokens_per_step=2))
    before_the_first = torch.full((1, 1, 16), 1e3)
    earlier = torch.cat([before_the_first, action_tokens[:, :-1]], dim=1)
    hidden = []
    for t in range(7):
        hidden.append(advance_to_state(trunk, state, earlier[:, t], state_tokens[:, t]))
        state.cache.end_step()
    stream = torch.stack([state_tokens, action_tokens], dim=2).flatten(1, 2)
    expected = trunk(stream, torch.arange(7).repeat_interleave(2), 2)[:, 0::2]
    torch.testing.assert_close(torch.stack(hidden, dim=1), expected, atol=1e-5, rtol=0)


def test_sizes_of_nothing_are_refused_by_name() -> None:
    check_sizes(state_dim=1, action_dim=32_000)
    with pytest.raises(ValueError, match="action_dim: expected at least 1, got 0"):
        check_sizes(state_dim=1, action_dim=0)


@pytest.mark.parametrize("value", [2.6, -0.1, float("nan")])
def test_an_action_outside_its_bounds_is_refused_where_it_counts(value: float) -> None:
    bounds, actions = ActionRange(2, ([-1.0, 0.0], [1.0, 2.5])), torch.zeros(1, 3, 2)
    actions[0, 0], actions[0, 2, 1] = torch.tensor([-1.0, 2.5]), value
    check_bounds(actions, torch.tensor([[True, True, False]]), bounds)
    check_bounds(actions, torch.ones(1, 3, dtype=torch.bool), None)
    with pytest.raises(ValueError, match=f"actions: expected entry 1 from 0 to 2.5, got {value:g}"):
        check_bounds(actions, torch.ones(1, 3, dtype=torch.bool), bounds)
