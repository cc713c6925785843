"""Heads, against the formula W x + b computed by hand from their weights."""

import math

import pytest
import torch

from understudy.nn.heads import ActionHead, ActionRange, ValueHead, multilayer_perceptron

RANGE = ([-1.0, 10.0], [3.0, 30.0])


@pytest.mark.parametrize(("name", "activation"), [("relu", torch.relu), ("tanh", torch.tanh)])
@torch.no_grad()
def test_a_perceptron_activates_between_layers_and_not_after_the_last(name: str, activation) -> None:
    torch.manual_seed(0)
    network, x = multilayer_perceptron([3, 5, 4, 2], name), torch.randn(6, 3)
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(5, 3), (4, 5), (2, 4)]
    hidden = activation(activation(x @ linear[0].weight.T + linear[0].bias) @ linear[1].weight.T + linear[1].bias)
    torch.testing.assert_close(network(x), hidden @ linear[2].weight.T + linear[2].bias)


def test_a_perceptron_without_hidden_layers_is_linear() -> None:
    assert len(multilayer_perceptron([3, 2], "relu")) == 1


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="activation: expected one of relu, tanh, got 'gelu'"):
        multilayer_perceptron([3, 2], "gelu")


@torch.no_grad()
def test_logits_of_choices_are_one_linear_layer() -> None:
    torch.manual_seed(1)
    head, hidden = ActionHead(4, 3, discrete_actions=True), torch.randn(2, 5, 4)
    logits, log_std = head(hidden)
    assert log_std is None
    assert logits.shape == (2, 5, 3)
    torch.testing.assert_close(logits, hidden @ head.predict.weight.T + head.predict.bias)


@torch.no_grad()
def test_a_gaussian_has_means_first_and_log_deviations_after() -> None:
    head = ActionHead(1, 2, discrete_actions=False)
    head.predict.weight.copy_(torch.tensor([[1.0], [2.0], [0.5], [-0.5]]))
    head.predict.bias.zero_()
    mean, log_std = head(torch.tensor([[2.0]]))
    assert mean.tolist() == [[2.0, 4.0]]
    assert log_std.tolist() == [[1.0, -1.0]]


def test_log_deviations_stay_within_their_range() -> None:
    mean, log_std = ActionHead(1, 2, discrete_actions=False).split(torch.tensor([-9.0, 9.0, -9.0, 9.0]))
    assert mean.tolist() == [-9.0, 9.0]
    assert log_std.tolist() == [-5.0, 2.0]


def test_logits_are_not_clamped() -> None:
    logits, log_std = ActionHead(1, 2, discrete_actions=True).split(torch.tensor([-9.0, 9.0]))
    assert logits.tolist() == [-9.0, 9.0]
    assert log_std is None


@torch.no_grad()
def test_means_by_squared_error_have_no_deviation_of_their_own() -> None:
    head, hidden = ActionHead(4, 3, discrete_actions=False, continuous_loss="mse"), torch.randn(2, 5, 4)
    mean, log_std = head(hidden)
    assert head.predict.weight.shape == (3, 4)
    torch.testing.assert_close(mean, hidden @ head.predict.weight.T + head.predict.bias)
    assert log_std.exp().tolist() == torch.zeros(2, 5, 3).tolist()


def test_a_range_is_from_minus_one_to_one_inside_a_model() -> None:
    actions = torch.tensor([[-1.0, 30.0], [3.0, 10.0], [1.0, 15.0]])
    assert ActionRange(2, RANGE).inside(actions).tolist() == [[-1.0, 1.0], [1.0, -1.0], [0.0, -0.5]]


def test_a_mean_and_its_deviation_have_the_environments_units_outside_a_model() -> None:
    mean, log_std = ActionRange(2, RANGE).outside(torch.tensor([0.0, 0.5]), torch.tensor([0.0, -1.0]))
    assert mean.tolist() == [1.0, 25.0]
    torch.testing.assert_close(log_std.exp(), torch.tensor([2.0, 10 / math.e]))


@pytest.mark.parametrize("gaussian", [True, False])
def test_a_head_stretches_what_it_predicts_to_the_range(gaussian: bool) -> None:
    head = ActionHead(1, 2, False, "nll" if gaussian else "mse", ActionRange(2, RANGE))
    mean, log_std = head.split(torch.tensor([0.0, 0.5, -9.0, 9.0] if gaussian else [0.0, 0.5]))
    assert mean.tolist() == [1.0, 25.0]
    expected = [-5 + math.log(2), 2 + math.log(10)] if gaussian else [-math.inf] * 2
    assert log_std.tolist() == pytest.approx(expected)


def test_a_range_is_no_weight() -> None:
    assert ActionRange(2, RANGE).state_dict() == {}


def test_bounds_of_every_entry_are_asked_for() -> None:
    with pytest.raises(ValueError, match="action_bounds: expected 2 numbers each, got 2 and 1"):
        ActionRange(2, ([-1.0, 0.0], [1.0]))


@torch.no_grad()
def test_a_value_is_one_number_a_step() -> None:
    head = ValueHead(2)
    head.predict.weight.copy_(torch.tensor([[1.0, 10.0]]))
    head.predict.bias.fill_(0.5)
    assert head(torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])).tolist() == [[21.5, 3.5]]
