"""The smallest weights at zero, and that they stay there while the rest learns."""

import pytest
import torch
from torch import nn

from tests.builders import CHOICES
from tests.models.cases import LEARNING, Case, draw_batch
from tests.pruning.policies import policy_of
from understudy.nn.target_network import follow, frozen_copy
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


class Following(nn.Module):
    """A network, a copy that follows it, and a layer beside them."""

    def __init__(self):
        super().__init__()
        self.network = two_layers()
        self.target = frozen_copy(self.network)
        self.beside = nn.Linear(2, 1)
        with torch.no_grad():
            self.beside.weight.copy_(torch.tensor([[0.05, 9.0]]))
            for weights in self.target.buffers():
                weights.add_(10.0)  # what it holds is not what says which weights go


def test_a_target_network_loses_what_its_network_loses():
    model = Following()
    zero_smallest(model, 0.5)
    for layer, of_target, zero in (
        (0, [[0.0, 5.0], [13.0, 0.0]], [[True, False], [False, True]]),
        (1, [[0.0, 6.0]], [[True, False]]),
    ):
        assert (model.network[layer].weight == 0).tolist() == zero
        torch.testing.assert_close(model.target[layer].weight, torch.tensor(of_target))
    assert model.beside.weight.tolist() == [[0.0, 9.0]]
    assert count_numbers(model.state_dict()) == 3 + 3 + 3 + 3 + 2
    keep_zeros(model)
    model.network(torch.randn(8, 2)).square().mean().backward()
    torch.optim.AdamW(model.network.parameters(), 0.1).step()
    follow(model.target, model.network, torch.tensor(0.5))
    assert count_numbers(model.state_dict()) == 3 + 3 + 3 + 3 + 2


@pytest.mark.parametrize("case", [case for case in LEARNING if case.spec is CHOICES], ids=str)
def test_every_family_can_lose_weights_and_learn_on(case: Case):
    model = policy_of(case).model
    linear = {name: each for name, each in model.named_modules() if isinstance(each, nn.Linear)}
    learning = {name: each for name, each in linear.items() if isinstance(each.weight, nn.Parameter)}
    weights, before = sum(each.weight.numel() for each in learning.values()), count_numbers(model.state_dict())
    zero_smallest(model, 0.8)
    left = {name: each.weight != 0 for name, each in linear.items()}
    assert sum(int(left[name].sum()) for name in learning) == pytest.approx(0.2 * weights, abs=1)
    for name in linear.keys() - learning.keys():  # of a target network
        [original] = [other for other in learning if other.partition(".")[2] == name.partition(".")[2]]
        assert torch.equal(left[name], left[original])
    assert count_numbers(model.state_dict()) == before - sum(int((~each).sum()) for each in left.values())
    keep_zeros(model)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    model.train().losses(draw_batch(case), torch.Generator()).objective().backward()
    optimizer.step()
    model.after_update()
    assert all(torch.equal(each.weight != 0, left[name]) for name, each in linear.items())
