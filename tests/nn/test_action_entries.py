"""Actions as tokens and back."""

import pytest
import torch

from understudy.nn.action_entries import ActionEntries


def test_a_choice_is_a_token():
    entries = ActionEntries(4, True, 0)
    actions = torch.tensor([[3, 0], [1, 2]])
    assert (entries.count, entries.num_values) == (1, 4)
    assert entries.encode(actions).tolist() == [[[3], [0]], [[1], [2]]]
    assert torch.equal(entries.decode(entries.encode(actions)), actions)


def test_an_entry_is_the_nearest_of_evenly_spaced_values_with_both_bounds_among_them():
    entries = ActionEntries(2, False, 5)
    actions = torch.tensor([[-1.0, 1.0], [0.1, 0.3], [-7.0, 7.0], [-0.26, 0.76]])
    assert (entries.count, entries.num_values) == (2, 5)
    tokens = entries.encode(actions)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [[0, 4], [2, 3], [0, 4], [1, 4]]
    decoded = entries.decode(tokens)
    assert decoded.dtype == torch.float32
    assert decoded.tolist() == [[-1, 1], [0, 0.5], [-1, 1], [-0.5, 1]]
    assert torch.equal(entries.encode(decoded), tokens)


def test_an_entry_of_one_value_is_refused():
    with pytest.raises(ValueError, match="num_bins: expected at least 2, got 1"):
        ActionEntries(2, False, 1)
    assert ActionEntries(2, True, 1).count == 1
