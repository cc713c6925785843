"""The expert's actor, against its formula: hidden layers with an activation, and tanh."""

import pytest
import torch

from understudy.models.expert import ExpertActor
from understudy.step import Step

STATES = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def build(activation: str = "relu", squash: bool = False, discrete: bool = True) -> ExpertActor:
    torch.manual_seed(1)
    return ExpertActor(3, 2, [8, 5], activation, squash, discrete)


@pytest.mark.parametrize(("name", "activation"), [("relu", torch.relu), ("tanh", torch.tanh)])
@torch.no_grad()
def test_predictions_follow_the_formula(name: str, activation) -> None:
    model = build(name)
    first, second, last = [layer for layer in model.actor if isinstance(layer, torch.nn.Linear)]
    features = activation(STATES @ first.weight.T + first.bias)
    features = activation(features @ second.weight.T + second.bias)
    torch.testing.assert_close(model(STATES), features @ last.weight.T + last.bias)


@torch.no_grad()
def test_squashed_predictions_lie_between_minus_one_and_one() -> None:
    model, plain = build(squash=True, discrete=False), build(squash=False, discrete=False)
    torch.testing.assert_close(model(10 * STATES), torch.tanh(plain(10 * STATES)))


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_playing_predicts_what_the_forward_pass_predicts_whatever_came_before(discrete: bool) -> None:
    model = build(squash=not discrete, discrete=discrete)
    memory, actions = model.begin(4), torch.zeros(4, dtype=torch.int64) if discrete else torch.zeros(4, 2)
    for is_first in (True, False):
        step = Step(STATES, actions, torch.zeros(4), torch.full((4,), is_first))
        decision = model.act(memory, step)
        torch.testing.assert_close(decision.predictions, model(STATES))
        assert torch.equal(decision.actions, model(STATES).argmax(-1) if discrete else model(STATES))
        actions = 1 - actions
    assert (memory.tensors, memory.cache, decision.options) == ({}, None, None)


def acted(discrete: bool, seed: int) -> torch.Tensor:
    step = Step(STATES, torch.zeros(4), torch.zeros(4), torch.ones(4) > 0)
    model = build(discrete=discrete)
    return torch.stack(
        [model.act(model.begin(4), step, torch.Generator().manual_seed(seed + i)).actions for i in range(9)]
    )


@torch.no_grad()
def test_choices_may_be_drawn_and_vectors_do_not_vary() -> None:
    assert torch.equal(acted(True, 1), acted(True, 1))
    assert not torch.equal(acted(True, 1), acted(True, 2))
    assert torch.equal(acted(False, 1), build(discrete=False)(STATES).expand(9, 4, 2))


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="activation: expected one of relu, tanh, got 'elu'"):
        build("elu")
