"""Checks of rows against messages with both numbers, and one step at play time against the trunk's full pass."""

import pytest
import torch

from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_entries, check_rows, check_sizes, decode_state
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


VECTORS = torch.zeros(2, 4, 5)


@pytest.mark.parametrize(
    ("states", "actions", "message"),
    [
        (STATES[..., :2], CHOICES, r"states: expected 3 entries a step, got \(2, 4, 2\)"),
        (STATES[..., 0], CHOICES, r"states: expected 3 entries a step, got \(2, 4\)"),
        (STATES, VECTORS, r"actions: expected one choice a step, got \(2, 4, 5\)"),
        (STATES, CHOICES.float(), "actions: expected whole numbers, got torch.float32"),
        (STATES, CHOICES + 5, "actions: expected from 0 to 4, got 5 to 5"),
        (STATES, CHOICES - 1, "actions: expected from 0 to 4, got -1 to -1"),
    ],
)
def test_entries_that_the_model_was_not_made_for_are_refused(states, actions, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_entries(states, actions, state_dim=3, action_dim=5, discrete_actions=True)


def test_vectors_are_held_to_their_entries_alone() -> None:
    check_entries(STATES, VECTORS + 7.5, state_dim=3, action_dim=5, discrete_actions=False)
    for actions in (VECTORS[..., :4], CHOICES):
        with pytest.raises(ValueError, match="actions: expected 5 entries a step, got"):
            check_entries(STATES, actions, state_dim=3, action_dim=5, discrete_actions=False)


def small_trunk(context: int) -> Trunk:
    torch.manual_seed(0)
    return Trunk(embed_dim=16, num_layers=2, num_heads=2, hidden_dim=32, context=context)


@pytest.mark.parametrize("context", [1, 3])
@torch.no_grad()
def test_last_action_and_present_state_as_one_pass_give_the_full_pass(context: int) -> None:
    trunk = small_trunk(context)
    state_tokens, action_tokens = torch.randn(2, 1, 7, 16)
    memory = RowMemory(1, {}, trunk.new_cache(1, tokens_per_step=2))
    before_the_first = torch.full((1, 1, 16), 1e3)
    earlier = torch.cat([before_the_first, action_tokens[:, :-1]], dim=1)
    features = []
    for t in range(7):
        features.append(decode_state(trunk, memory, earlier[:, t], state_tokens[:, t]))
        memory.cache.end_step()
    stream = torch.stack([state_tokens, action_tokens], dim=2).flatten(1, 2)
    expected = trunk(stream, torch.arange(7).repeat_interleave(2), 2)[:, 0::2]
    torch.testing.assert_close(torch.stack(features, dim=1), expected, atol=1e-5, rtol=0)


def test_sizes_of_nothing_are_refused_by_name() -> None:
    check_sizes(state_dim=1, action_dim=32_000)
    with pytest.raises(ValueError, match="action_dim: expected at least 1, got 0"):
        check_sizes(state_dim=1, action_dim=0)
