"""The expert's actor, against its formula: hidden layers with an activation, and tanh stretched to the action range."""

import pytest
import torch

from understudy.models.expert import ExpertActor

STATES = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def build(activation: str = "relu", squash: bool = False, discrete: bool = True) -> ExpertActor:
    torch.manual_seed(1)
    return ExpertActor(3, 2, [8, 5], activation, squash, discrete)


@pytest.mark.parametrize(("name", "activation"), [("relu", torch.relu), ("tanh", torch.tanh)])
@torch.no_grad()
def test_predictions_follow_the_formula(name: str, activation) -> None:
    model = build(name)
    first, second, last = [layer for layer in model.actor if isinstance(layer, torch.nn.Linear)]
    hidden = activation(STATES @ first.weight.T + first.bias)
    hidden = activation(hidden @ second.weight.T + second.bias)
    torch.testing.assert_close(model(STATES), hidden @ last.weight.T + last.bias)


@torch.no_grad()
def test_squashed_predictions_fill_the_action_range() -> None:
    model, plain = build(squash=True, discrete=False), build(squash=False, discrete=False)
    model.middle.copy_(torch.tensor([1.0, -2.0]))
    model.half_range.copy_(torch.tensor([3.0, 0.5]))
    expected = torch.tensor([1.0, -2.0]) + torch.tensor([3.0, 0.5]) * torch.tanh(plain(STATES))
    torch.testing.assert_close(model(STATES), expected)


def test_the_action_range_is_saved_with_the_weights() -> None:
    assert {"middle", "half_range"} <= build(squash=True).state_dict().keys()
    assert not {"middle", "half_range"} & build(squash=False).state_dict().keys()


@torch.no_grad()
def test_playing_predicts_what_the_forward_pass_predicts() -> None:
    model = build()
    state = model.new_state(4)
    preds, log_std = model.step(state, STATES)
    model.acted(state, preds.argmax(-1))
    assert log_std is None
    torch.testing.assert_close(preds, model(STATES))
    torch.testing.assert_close(model.step(state, STATES)[0], preds)


@torch.no_grad()
def test_a_continuous_expert_does_not_vary() -> None:
    preds, log_std = build(discrete=False).step(build(discrete=False).new_state(4), STATES)
    assert log_std.shape == preds.shape == (4, 2)
    assert log_std.exp().tolist() == [[0.0, 0.0]] * 4


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="activation: expected one of relu, tanh, got 'elu'"):
        build("elu")
