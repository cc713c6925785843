"""What belongs to a head, a unit, a block: told by what the model puts out without it."""

import pytest
import torch

from tests.builders import CHOICES
from tests.models.cases import Case, draw_batch
from tests.pruning.policies import policy_of
from understudy.nn.attention import WindowedAttention, rotary_angles, window_bands
from understudy.nn.trunk import Trunk
from understudy.pruning.layers import NOBODY, attention_layers, block_layers, hidden_layers
from understudy.pruning.structured import find_layers, without

DECODER = Case("action_transformer", CHOICES)


@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (4, 2), (4, 4)])
@torch.no_grad()
def test_a_heads_rows_are_those_whose_change_its_columns_alone_feel(heads, groups):
    torch.manual_seed(0)
    attention, steps = WindowedAttention(16, heads, groups), torch.arange(5)
    [layer] = attention_layers(torch.nn.ModuleDict({"it": attention}))
    rows, columns = layer.rows["it.qkv_proj.weight"], layer.columns["it.output_proj.weight"]
    assert layer.count == (heads if groups == 1 else groups)
    mixed = torch.nn.Identity()
    attention.output_proj, x, rotation = mixed, torch.randn(2, 5, 16), rotary_angles(steps, attention.frequencies())
    before = attention(x, rotation, window_bands(steps, 3, 1))
    for member in range(layer.count):
        weights = attention.qkv_proj.weight.clone()
        attention.qkv_proj.weight[rows == member] *= -2.0
        changed = (attention(x, rotation, window_bands(steps, 3, 1)) != before).any(0).any(0)
        attention.qkv_proj.weight.copy_(weights)
        assert torch.equal(changed, columns == member)
    assert int((rows == NOBODY).sum()) == (8 if groups == 1 else 0)


@torch.no_grad()
def test_a_block_without_output_is_not_there():
    torch.manual_seed(0)
    trunk = Trunk(8, 3, 2, 16, context=4)
    holder = torch.nn.ModuleDict({"it": trunk})
    layers = block_layers(holder)
    assert [layer.count for layer in layers] == [3]
    zeroed = without(holder, layers, [torch.tensor([False, True, False])])["it"]
    tokens, steps = torch.randn(2, 6, 8), torch.arange(6)
    del trunk.blocks[1]
    torch.testing.assert_close(zeroed(tokens, steps, 1), trunk(tokens, steps, 1))


def test_the_layers_of_a_perceptron_are_read_by_the_next_and_the_last_by_all_heads():
    layers = find_layers(policy_of(Case("mlp", CHOICES)), "units", "here")
    assert [set(layer.rows) for layer in layers] == [{"body.0.weight", "body.0.bias"}, {"body.2.weight", "body.2.bias"}]
    assert [set(layer.columns) for layer in layers] == [
        {"body.2.weight"},
        {"action_head.predict.weight", "value_head.predict.weight"},
    ]


def test_inputs_that_nobody_computes_are_refused():
    narrow, wide = (torch.nn.Sequential(torch.nn.Linear(width, 3)) for width in (4, 5))
    with pytest.raises(ValueError, match="0: expected a layer before it that computes its 4 inputs"):
        hidden_layers(narrow, wide)


@torch.no_grad()
def test_a_unit_without_output_is_as_good_as_one_that_is_never_on():
    policy = policy_of(DECODER)
    layers = find_layers(policy, "units", "here")
    gone = [torch.arange(layer.count) % 2 == 0 for layer in layers]
    zeroed = without(policy.model, layers, gone)
    for block in policy.model.trunk.blocks:
        block.up_proj.register_forward_hook(lambda module, inputs, output: output * (torch.arange(16) % 2))
    batch = draw_batch(DECODER)
    got, expected = (model.losses(batch, torch.Generator()).predictions for model in (zeroed, policy.model))
    torch.testing.assert_close(got, expected)
