"""The return-conditioned perceptron: at play it is told what is left of the target, as in training."""

import pytest
import torch

from tests.builders import refused
from tests.models.rows import batch_of, steps_of
from understudy.errors import DataError
from understudy.models.rvs import ReturnConditionedPerceptron
from understudy.step import Step


def build(discrete: bool = True, **options) -> ReturnConditionedPerceptron:
    torch.manual_seed(0)
    return ReturnConditionedPerceptron(
        3, 2, 16, 2, discrete, return_scale=(10.0, 4.0), return_quantiles=(0.0, 30.0), **options
    )


@pytest.mark.parametrize("discrete", [True, False])
@torch.inference_mode()
def test_it_acts_by_the_state_and_what_is_left(discrete: bool) -> None:
    model, states = build(discrete), torch.randn(3, 2, 3)
    actions = torch.zeros(2, dtype=torch.int64) if discrete else torch.zeros(2, 2)
    memory, rewards = model.begin(2, target_return=20.0), torch.tensor([[0.0, 0.0], [3.0, -1.0], [2.0, 0.0]])
    left = torch.tensor([[20.0, 20.0], [17.0, 21.0], [15.0, 21.0]])
    for time in range(3):
        decision = model.act(memory, Step(states[time], actions, rewards[time], torch.full((2,), time == 0)))
        torch.testing.assert_close(decision.predictions, model(states[time], (left[time] - 10) / 4)[0])


@torch.inference_mode()
def test_it_acts_by_the_differences_of_the_state() -> None:
    model, states = build(state_differences=2, difference_scale=[[0.5] * 3, [0.25] * 3]), torch.randn(2, 4, 3)
    memory = model.begin(2, target_return=10.0)
    played = [model.act(memory, step).predictions for step in steps_of(states, torch.zeros(2, 4, dtype=torch.int64))]
    torch.testing.assert_close(torch.stack(played, dim=1), model(states, torch.zeros(2, 4))[0])


def test_without_rewards_there_are_no_returns_to_learn_from() -> None:
    with refused(DataError, "rvs: expected recordings with rewards"):
        build().fit({"reward": torch.zeros(5)})


def test_predictions_depend_on_the_return() -> None:
    model, states = build(), torch.randn(4, 3)
    assert not torch.equal(model(states, torch.zeros(4))[0], model(states, torch.ones(4))[0])


@pytest.mark.parametrize("discrete", [True, False])
@torch.inference_mode()
def test_the_loss_is_that_of_the_actions_given_the_return(discrete: bool) -> None:
    """The cross-entropy of the labels, or the mean of their squared errors, over the steps that count."""
    model = build(discrete, continuous_loss="mse")
    states, returns = torch.randn(2, 3, 3), torch.randn(2, 3)
    labels = torch.randint(2, (2, 3)) if discrete else torch.randn(2, 3, 2)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    columns = {"observation": states, "return_to_go": returns, "label": labels}
    losses = model.losses(batch_of(torch.tensor([3, 3]), mask=mask, **columns), torch.Generator())
    preds = model(states, returns)[0]
    by_step = (
        -preds.log_softmax(-1).gather(-1, labels[..., None])[..., 0] if discrete else (preds - labels).square().mean(-1)
    )
    torch.testing.assert_close(losses.terms["action"].mean, by_step[mask].mean())
    assert torch.equal(losses.terms["action"].mask, mask)
    assert torch.equal(losses.predictions, preds)


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="num_layers: expected at least 1, got 0"):
        ReturnConditionedPerceptron(3, 2, 16, 0, True, return_scale=(0.0, 1.0))
