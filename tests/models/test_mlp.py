"""The memoryless baseline, against its formula: relu after every hidden layer, then one linear layer an output."""

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, roll_out
from understudy.models.mlp import MultilayerPerceptron
from understudy.sequences.batch import Batch


def build(discrete: bool, num_layers: int = 2, **options) -> MultilayerPerceptron:
    torch.manual_seed(0)
    return MultilayerPerceptron(3, 2, 16, num_layers, discrete, **options)


def linear(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    return x @ layer.weight.T + layer.bias


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@torch.no_grad()
def test_actions_and_values_follow_the_formula(num_layers: int) -> None:
    model, states = build(True, num_layers), torch.randn(4, 5, 3)
    layers = [layer for layer in model.body if isinstance(layer, torch.nn.Linear)]
    assert len(layers) == num_layers
    features = states
    for layer in layers:
        features = torch.relu(linear(layer, features))
    preds, values = model(states)
    torch.testing.assert_close(preds, linear(model.action_head.predict, features))
    torch.testing.assert_close(values, linear(model.value_head.predict, features)[..., 0])


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
    memory, executed = model.begin(2), torch.ones(2, 4, dtype=torch.int64) if discrete else torch.ones(2, 4, 2)
    played = roll_out(model, memory, states, executed)
    torch.testing.assert_close(played.predictions, model(states)[0])
    assert torch.equal(played.actions, played.predictions.argmax(-1) if discrete else played.predictions)
    assert (memory.tensors, memory.cache, played.options) == ({}, None, None)


@pytest.mark.parametrize("orders", [0, 1, 2, 3])
@torch.no_grad()
def test_it_plays_as_the_forward_pass_says_with_differences_of_every_order(orders: int) -> None:
    sizes = torch.rand(3, 3).add(0.5).tolist()
    model, states = build(True, state_differences=orders, difference_scale=sizes), torch.randn(2, 6, 3)
    played = roll_out(model, model.begin(2), states, torch.zeros(2, 6, dtype=torch.int64))
    torch.testing.assert_close(played.predictions, model(states)[0])
    assert model.body[0].in_features == 3 * (orders + 1)


@pytest.mark.parametrize("orders", [1, 2, 3])
@torch.no_grad()
def test_steps_after_the_burn_in_of_a_chunk_are_predicted_as_in_the_whole_episode(orders: int) -> None:
    model, episode = build(True, state_differences=orders), torch.randn(2, 9, 3)
    columns = {"observation": episode[:, 4:], "label": torch.zeros(2, 5).long(), "return_to_go": torch.zeros(2, 5)}
    preds = model.losses(batch_of(torch.tensor([5, 5]), **columns), torch.Generator()).predictions
    torch.testing.assert_close(preds[:, model.burn_in :], model(episode)[0][:, 4 + model.burn_in :])


def draw_batch(labels: Tensor) -> Batch:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    columns = {"observation": torch.randn(2, 3, 3), "label": labels, "return_to_go": torch.randn(2, 3)}
    return batch_of(torch.tensor([2, 1]), mask=mask, value_mask=mask & torch.tensor([[True], [False]]), **columns)


@torch.no_grad()
def test_losses_of_choices_compare_labels_and_known_returns() -> None:
    model, batch = build(True, value_weight=0.25), draw_batch(torch.tensor([[0, 1, 1], [1, 0, 0]]))
    losses = model.losses(batch, torch.Generator())
    preds, values = model(batch["observation"])
    torch.testing.assert_close(losses.predictions, preds)
    log_probs, places = preds.log_softmax(-1), ((0, 0), (0, 1), (1, 0))
    action = -torch.stack([log_probs[row, t, batch["label"][row, t]] for row, t in places]).mean()
    value = (values - batch["return_to_go"])[0, :2].square().mean()
    assert losses.terms.keys() == {"action", "value"}
    torch.testing.assert_close(losses.terms["action"].mean, action)
    torch.testing.assert_close(losses.terms["value"].mean, value)
    assert torch.equal(losses.terms["action"].mask, batch.mask)
    assert torch.equal(losses.terms["value"].mask, batch.value_mask)
    torch.testing.assert_close(losses.objective(), action + 0.25 * value)


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_a_gaussian() -> None:
    model, batch = build(False), draw_batch(torch.randn(2, 3, 2))
    mean, log_std = model.action_head(torch.relu(model.body(batch["observation"])))
    densities = torch.distributions.Normal(mean, log_std.exp()).log_prob(batch["label"]).sum(-1)
    action = model.losses(batch, torch.Generator()).terms["action"].mean
    torch.testing.assert_close(action, -densities[batch.mask].mean())


def test_no_hidden_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="num_layers, hidden_dim: expected at least 1 each, got 0 and "):
        build(True, num_layers=0)
