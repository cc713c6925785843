"""The memoryless baseline, against its formula: relu after every hidden layer, then one linear layer an output."""

import math

import pytest
import torch
from torch import Tensor

from understudy.models.mlp import MultilayerPerceptron
from understudy.sequences.batch import Batch


def build(discrete: bool, num_layers: int = 2) -> MultilayerPerceptron:
    torch.manual_seed(0)
    return MultilayerPerceptron(3, 2, 16, num_layers, discrete)


def linear(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    return x @ layer.weight.T + layer.bias


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@torch.no_grad()
def test_actions_and_values_follow_the_formula(num_layers: int) -> None:
    model, states = build(True, num_layers), torch.randn(4, 5, 3)
    layers = [layer for layer in model.body if isinstance(layer, torch.nn.Linear)]
    assert len(layers) == num_layers
    hidden = states
    for layer in layers:
        hidden = torch.relu(linear(layer, hidden))
    preds, values = model(states)
    torch.testing.assert_close(preds, linear(model.action_head.predict, hidden))
    torch.testing.assert_close(values, linear(model.value_head.predict, hidden)[..., 0])


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_shapes_with_and_without_time(discrete: bool) -> None:
    model = build(discrete)
    assert [output.shape for output in model(torch.zeros(4, 5, 3))] == [(4, 5, 2), (4, 5)]
    assert [output.shape for output in model(torch.zeros(4, 3))] == [(4, 2), (4,)]


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_playing_predicts_what_the_forward_pass_predicts_whatever_came_before(discrete: bool) -> None:
    model, states = build(discrete), torch.randn(2, 4, 3)
    state = model.new_state(2)
    for t in range(4):
        preds, log_std = model.step(state, states[:, t])
        model.acted(state, torch.zeros(2, dtype=torch.int64) if discrete else preds)
        torch.testing.assert_close(preds, model(states)[0][:, t])
        assert (log_std is None) == discrete
    assert state.memory == {}
    assert state.cache is None


def draw_batch(labels: Tensor) -> Batch:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    return Batch(
        states=torch.randn(2, 3, 3),
        actions=torch.zeros_like(labels),
        labels=labels,
        returns_to_go=torch.randn(2, 3),
        seq_lens=torch.tensor([2, 1]),
        mask=mask,
        value_mask=mask & torch.tensor([[True], [False]]),
    )


@torch.no_grad()
def test_losses_of_choices_compare_labels_and_known_returns() -> None:
    model, batch = build(True), draw_batch(torch.tensor([[0, 1, 1], [1, 0, 0]]))
    terms, preds = model.losses(batch, torch.Generator())
    expected, values = model(batch.states)
    torch.testing.assert_close(preds, expected)
    chosen = torch.stack([preds.log_softmax(-1)[row, t, batch.labels[row, t]] for row, t in ((0, 0), (0, 1), (1, 0))])
    torch.testing.assert_close(terms["action"], -chosen.mean())
    torch.testing.assert_close(terms["value"], (values - batch.returns_to_go)[0, :2].square().mean())


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_a_gaussian() -> None:
    model, batch = build(False), draw_batch(torch.randn(2, 3, 2))
    terms, _ = model.losses(batch, torch.Generator())
    densities = []
    for row, t in ((0, 0), (0, 1), (1, 0)):
        mean, log_std = model.step(model.new_state(1), batch.states[row, t][None])
        squares = ((batch.labels[row, t] - mean[0]) / log_std[0].exp()).square()
        densities.append((-0.5 * squares - log_std[0] - 0.5 * math.log(2 * math.pi)).sum())
    torch.testing.assert_close(terms["action"], -torch.stack(densities).mean())


def test_no_hidden_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="num_layers, hidden_dim: expected at least 1 each, got 0 and "):
        build(True, num_layers=0)
