"""Smaller policies. The reference is the full model with what is to go put at zero by hand."""

import dataclasses

import pytest
import torch
from torch import nn

from tests.builders import CHOICES, refused
from tests.models.cases import LEARNING, Case, draw_batch
from tests.pruning.policies import kinds_of, policy_of, same_play
from understudy.errors import ParameterError
from understudy.policies.files import load_trained, save_policy
from understudy.pruning.structured import find_layers, leave_out, without

DECODER = Case("action_transformer", CHOICES)
MOST = 3
ALL_OF_EACH = [(case, kind) for case in LEARNING for kind in kinds_of(case)]


def without_last(policy, kind):
    """The policy with the outputs of each layer's last members at zero, and how many those are."""
    layers = find_layers(policy, kind, "here")
    count = min(MOST, layers[0].count - 1)
    dropped = [torch.arange(layer.count) >= layer.count - count for layer in layers]
    return dataclasses.replace(policy, model=without(policy.model, layers, dropped)), count / layers[0].count


@pytest.mark.parametrize(("case", "kind"), ALL_OF_EACH, ids=str)
def test_what_puts_nothing_out_goes_and_nothing_else_changes(case, kind, tmp_path):
    zeroed, share = without_last(policy_of(case), kind)
    smaller = leave_out(zeroed, kind, share, [draw_batch(case)], "here")
    assert sum(each.numel() for each in smaller.model.parameters()) < sum(
        each.numel() for each in zeroed.model.parameters()
    )
    same_play(case, zeroed.model, smaller.model)
    save_policy(smaller, tmp_path)
    same_play(case, smaller.model, load_trained(tmp_path).model)


@pytest.mark.parametrize("kind", ["layers", "heads", "units"])
def test_the_policy_itself_stays_as_it_is(kind):
    policy = policy_of(DECODER)
    before, config = {name: each.clone() for name, each in policy.model.state_dict().items()}, dict(policy.config)
    smaller = leave_out(policy, kind, 0.5, [draw_batch(DECODER)], "here")
    assert smaller is not policy and policy.config == config
    assert all(torch.equal(each, before[name]) for name, each in policy.model.state_dict().items())


@pytest.mark.parametrize(
    ("heads", "groups", "share", "shape"),
    [
        (4, 1, 0.25, (3, 1)),  # heads of queries, which all share keys
        (4, 2, 0.5, (2, 1)),  # whole groups
        (4, 4, 0.5, (2, 2)),
        (4, None, 0.75, (1, 1)),
    ],
)
def test_heads_go_with_the_keys_that_they_alone_use(heads, groups, share, shape):
    zeroed, _ = without_last(policy_of(DECODER, num_heads=heads, num_kv_heads=groups), "heads")
    smaller = leave_out(zeroed, "heads", share, [draw_batch(DECODER)], "here")
    assert (smaller.config["num_heads"], smaller.config["num_kv_heads"], smaller.config["head_dim"]) == (*shape, 2)
    assert smaller.model.trunk.blocks[0].attention.qkv_proj.weight.shape == ((shape[0] + 2 * shape[1]) * 2, 8)


def test_the_least_important_units_go_and_the_others_keep_their_order():
    policy = policy_of(Case("mlp", CHOICES))
    first, second = policy.model.body[0], policy.model.body[2]
    with torch.no_grad():
        first.bias.add_(20.0)  # so that all units are on
        second.weight.abs_()
        second.weight[:, [1, 4]] = 0.0
        policy.model.action_head.predict.weight[:, [0, 15]] = 0.0
        policy.model.value_head.predict.weight[:, [0, 15]] = 0.0
    smaller = leave_out(policy, "units", 2 / 16, [draw_batch(Case("mlp", CHOICES))], "here")
    kept = [unit for unit in range(16) if unit not in (1, 4)]
    assert torch.equal(smaller.model.body[0].weight, first.weight[kept])
    assert torch.equal(smaller.model.body[2].weight, second.weight[1:15][:, kept])


def test_a_target_network_loses_the_same():
    smaller = leave_out(
        policy_of(Case("q_transformer", CHOICES)), "units", 0.5, [draw_batch(Case("q_transformer", CHOICES))], "here"
    )
    tensors = policy_of(Case("q_transformer", CHOICES)).model.state_dict()
    for number in range(2):
        name = f"trunk.blocks.{number}.up_proj.weight"
        kept = {}
        for part in ("network", "target"):
            rows = smaller.model.state_dict()[f"{part}.{name}"]
            kept[part] = [int((tensors[f"{part}.{name}"] == row).all(1).nonzero()[0, 0]) for row in rows]
        assert kept["network"] == kept["target"] and len(set(kept["network"])) == 8


def test_a_share_of_nothing_is_the_policy_itself():
    policy = policy_of(DECODER)
    assert leave_out(policy, "units", 0.01, [draw_batch(DECODER)], "here") is policy


@pytest.mark.parametrize(("kind", "share", "count"), [("heads", 0.8, 2), ("units", 0.99, 16), ("layers", 0.9, 2)])
def test_something_is_left_of_a_layer(kind, share, count):
    with refused(ParameterError, f"here.{kind}: expected a share that leaves one of {count} at least, got {share}"):
        leave_out(policy_of(DECODER), kind, share, [draw_batch(DECODER)], "here")


@pytest.mark.parametrize("kind", ["layers", "heads"])
def test_a_perceptron_has_neither_heads_nor_blocks(kind):
    case = Case("mlp", CHOICES)
    with refused(ParameterError, f"here.{kind}: expected a family that has {kind}, got mlp, which has none"):
        leave_out(policy_of(case), kind, 0.5, [draw_batch(case)], "here")


def test_a_family_that_hides_where_its_units_go_is_refused():
    """One that reads units by other weights than its linear layers' does not come out the same."""
    policy = policy_of(Case("mlp", CHOICES))
    body = policy.model.body
    policy.model.body = nn.Sequential(*body[:-1], Reversed(body[-1]))
    with refused(ParameterError, "here.units: expected"):
        leave_out(policy, "units", 0.5, [draw_batch(Case("mlp", CHOICES))], "here")


class Reversed(nn.Module):
    """A linear layer whose units nobody else knows."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)
