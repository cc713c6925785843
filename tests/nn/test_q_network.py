"""Action values by several heads: their shapes, and which token each comes from. How they are played stands in tests/models."""

import pytest
import torch

from understudy.nn.action_entries import ActionEntries
from understudy.nn.q_network import QNetwork
from understudy.nn.q_options import QOptions
from understudy.nn.trunk import Trunk


def build(discrete: bool) -> QNetwork:
    torch.manual_seed(0)
    entries = ActionEntries(3, discrete, 5)
    return QNetwork(2, entries, Trunk(8, 1, 2, 16, context=4), QOptions(num_heads_of_values=4)).eval()


@pytest.mark.parametrize(("discrete", "shape"), [(True, (2, 6, 1, 4, 3)), (False, (2, 6, 3, 4, 5))])
def test_every_head_says_of_every_value_of_every_entry_what_it_is_worth(discrete, shape):
    network = build(discrete)
    tokens = torch.randint(network.entries.num_values, (2, 6, network.entries.count))
    values = network(torch.randn(2, 6, 2), tokens)
    assert (values.shape, values.dtype) == (shape, torch.float32)
    assert network.tokens_per_step == 1 + shape[2]


@torch.no_grad()
def test_the_same_value_of_different_entries_has_tokens_of_its_own():
    network = build(False)
    embedded = [network.embed_entry(torch.tensor(2), entry) for entry in range(3)]
    assert [torch.equal(each, network.embed_entries.weight[2 + 5 * entry]) for entry, each in enumerate(embedded)] == [
        True,
        True,
        True,
    ]


@torch.no_grad()
def test_an_entry_s_values_come_from_the_token_before_it():
    """Of a single step: the state's token, then those of the entries; the reference passes over ever longer streams."""
    network = build(False)
    states, tokens = torch.randn(2, 1, 2), torch.randint(5, (2, 1, 3))
    values = network(states, tokens)
    stream = [network.embed_state(states)[:, 0]]
    for entry in range(3):
        features = network.trunk(torch.stack(stream, dim=1), torch.zeros(entry + 1, dtype=torch.int64), entry + 1)
        expected = network.heads[entry](features[:, -1]).view(2, 4, 5)
        torch.testing.assert_close(values[:, 0, entry], expected, atol=1e-5, rtol=1e-5)
        stream.append(network.embed_entry(tokens[:, 0, entry], entry))
