"""The smallest weights at zero, and that they stay there while the rest learns."""

import pytest
import torch
from torch import nn

from tests.builders import CHOICES
from tests.models.cases import LEARNING, Case, draw_batch
from tests.pruning.policies import policy_of
from understudy.pruning.magnitude import count_numbers, keep_zeros, zero_smallest


def two_layers():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.1, -5.0], [3.0, -0.2]]))
        model[1].weight.copy_(torch.tensor([[0.3, -4.0]]))
    return model


def test_the_smallest_of_all_layers_go_together_and_biases_stay():
    model = two_layers()
    bias = model[0].bias.clone()
    zero_smallest(model, 0.5)
    assert model[0].weight.tolist() == [[0.0, -5.0], [3.0, 0.0]]
    assert model[1].weight.tolist() == [[0.0, -4.0]]
    assert torch.equal(model[0].bias, bias)
    assert set(model.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert count_numbers(model.state_dict()) == 3 + 3


@pytest.mark.parametrize("sparsity", [0, 0.5, 0.9])
def test_training_leaves_zeros_at_zero(sparsity):
    model = two_layers()
    zero_smallest(model, sparsity)
    zeros = [layer.weight == 0 for layer in model]
    keep_zeros(model)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1, weight_decay=0.1, fused=True)
    before = [layer.weight.detach().clone() for layer in model]
    for _ in range(5):
        optimizer.zero_grad()
        (model(torch.randn(8, 2)) - 1).square().mean().backward()
        optimizer.step()
    for layer, zero, start in zip(model, zeros, before, strict=True):
        assert torch.equal(layer.weight == 0, zero)
        assert (layer.weight[~zero] != start[~zero]).all()


@pytest.mark.parametrize("case", [case for case in LEARNING if case.spec is CHOICES], ids=str)
def test_every_family_can_lose_weights_and_learn_on(case: Case):
    model = policy_of(case).model
    zero_smallest(model, 0.8)
    linear = [each for each in model.modules() if isinstance(each, nn.Linear) and isinstance(each.weight, nn.Parameter)]
    weights = sum(each.weight.numel() for each in linear)
    assert sum(int((each.weight == 0).sum()) for each in linear) == pytest.approx(0.8 * weights, abs=1)
    keep_zeros(model)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    model.train().losses(draw_batch(case), torch.Generator()).objective().backward()
    optimizer.step()
    model.after_update()
    assert sum(int((each.weight == 0).sum()) for each in linear) == pytest.approx(0.8 * weights, abs=1)
