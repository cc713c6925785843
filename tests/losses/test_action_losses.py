"""Losses, against numbers worked out by hand and torch.distributions.

Two equal logits give ln 2 a step; logits (0, ln 3) give probabilities 1/4 and 3/4.
"""

import math

import pytest
import torch

from understudy.losses.action_losses import (
    ActionPredictionLoss,
    cross_entropy_by_step,
    gaussian_nll,
    in_batch_cross_entropy,
    mean_squared_error,
)

LOGITS = torch.tensor([[[0.0, 0.0], [0.0, math.log(3)], [0.0, math.log(3)]]])
CHOICES = torch.tensor([[1, 0, 1]])
BY_STEP = [math.log(2), math.log(4), math.log(4 / 3)]
MASK = torch.tensor([[True, True, False]])
NONE = torch.zeros(1, 3, dtype=torch.bool)


def test_cross_entropy_of_literal_logits() -> None:
    assert cross_entropy_by_step(LOGITS, CHOICES).tolist() == [pytest.approx(BY_STEP)]


def test_cross_entropy_of_half_precision_logits_is_taken_in_float32() -> None:
    assert cross_entropy_by_step(LOGITS.to(torch.bfloat16), CHOICES).dtype == torch.float32


def test_discrete_action_loss_is_the_mean_over_the_steps_that_count() -> None:
    loss = ActionPredictionLoss(True).discrete_action_loss(LOGITS, CHOICES, MASK)
    assert loss.item() == pytest.approx((BY_STEP[0] + BY_STEP[1]) / 2)


def test_continuous_action_loss_averages_squares_over_dimensions() -> None:
    preds, targets = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [9.0, 9.0]]]), torch.zeros(1, 3, 2)
    loss = ActionPredictionLoss(False).continuous_action_loss(preds, targets, MASK)
    assert loss.item() == pytest.approx(((1 + 4) / 2 + 0) / 2)


def test_continuous_action_loss_with_deviations_is_the_gaussians() -> None:
    preds, targets, log_std = torch.zeros(1, 3, 2), torch.zeros(1, 3, 2), torch.zeros(1, 3, 2)
    loss = ActionPredictionLoss(False).continuous_action_loss(preds, targets, MASK, log_std)
    assert loss.item() == pytest.approx(math.log(2 * math.pi))


def test_gaussian_nll_is_that_of_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_std, targets = torch.randn(3, 4, 5, 2, generator=generator)
    mask = torch.rand(4, 5, generator=generator) < 0.6
    densities = torch.distributions.Normal(mean, log_std.exp()).log_prob(targets).sum(-1)
    torch.testing.assert_close(gaussian_nll(mean, log_std, targets, mask), -densities[mask].mean())


def test_the_others_of_the_batch_are_the_negatives_but_for_the_very_same() -> None:
    """Logits are the inner products: 0 and ln 3 of the first step, ln 3 and 0 of the second, where the third is its like."""
    preds = torch.tensor([[[0.0, math.log(3)], [0.0, math.log(3)], [math.log(3), 0.0], [9.0, 9.0]]])
    targets = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [2.0, 2.0]]])
    mask = torch.tensor([[True, True, True, False]])
    by_step = [
        math.log(1 + 3 + 3),
        math.log(4 / 3),
        math.log(1 + 3),
    ]  # the second leaves the third out, and so it is the other way
    loss = in_batch_cross_entropy(preds, targets, mask)
    assert loss.item() == pytest.approx(sum(by_step) / 3)
    assert ActionPredictionLoss(False, "similarity").action_loss(preds, None, targets, mask) == loss


def test_value_loss_is_the_mean_squared_error_over_the_steps_that_count() -> None:
    values, targets = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.0, 5.0, 99.0]])
    assert ActionPredictionLoss(True).value_loss(values, targets, MASK).item() == pytest.approx((1 + 9) / 2)
    assert mean_squared_error(values, targets, MASK).item() == pytest.approx(5.0)


@pytest.mark.parametrize("mask", [MASK, NONE], ids=["some", "none"])
def test_action_loss_is_that_of_the_kind_of_actions(mask: torch.Tensor) -> None:
    discrete, continuous = ActionPredictionLoss(True), ActionPredictionLoss(False)
    vectors = torch.randn(3, 1, 3, 2, generator=torch.Generator().manual_seed(1))
    assert discrete.action_loss(LOGITS, None, CHOICES, mask) == discrete.discrete_action_loss(LOGITS, CHOICES, mask)
    assert continuous.action_loss(*vectors, mask) == gaussian_nll(*vectors, mask)


def losses_of(
    preds: torch.Tensor, log_std: torch.Tensor, values: torch.Tensor, mask: torch.Tensor
) -> list[torch.Tensor]:
    """Every loss of the module once, with zeros as targets."""
    continuous = ActionPredictionLoss(False)
    vectors, numbers = torch.zeros(1, 3, 2), torch.zeros(1, 3)
    return [
        ActionPredictionLoss(True).discrete_action_loss(preds, numbers.long(), mask),
        continuous.continuous_action_loss(preds, vectors, mask),
        continuous.continuous_action_loss(preds, vectors, mask, log_std),
        in_batch_cross_entropy(preds, torch.eye(3)[None, :, :2], mask),
        continuous.value_loss(values, numbers, mask),
    ]


def random_predictions() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((1, 3, 2), (1, 3, 2), (1, 3))]


def test_where_nothing_counts_losses_and_gradients_are_zero() -> None:
    predictions = random_predictions()
    losses = losses_of(*predictions, NONE)
    torch.stack(losses).sum().backward()
    assert [loss.item() for loss in losses] == [0.0] * 5
    assert all((prediction.grad == 0).all() for prediction in predictions)


def test_masked_steps_get_no_gradient_and_the_others_do() -> None:
    predictions = random_predictions()
    torch.stack(losses_of(*predictions, MASK)).sum().backward()
    for prediction in predictions:
        assert (prediction.grad[:, :2] != 0).all()
        assert (prediction.grad[:, 2] == 0).all()


def test_masked_predictions_that_are_not_numbers_do_not_enter() -> None:
    predictions = [prediction.detach() for prediction in random_predictions()]
    expected = losses_of(*predictions, MASK)
    for prediction in predictions:
        prediction[:, 2] = math.nan
    assert torch.equal(torch.stack(losses_of(*predictions, MASK)), torch.stack(expected))


def test_masked_targets_that_are_not_numbers_do_not_enter() -> None:
    targets = torch.tensor([[0.0, 5.0, math.nan]])
    assert mean_squared_error(torch.tensor([[1.0, 2.0, 3.0]]), targets, MASK).item() == pytest.approx(5.0)
    vectors = targets[..., None].expand(1, 3, 2)
    loss = ActionPredictionLoss(False).continuous_action_loss(torch.zeros(1, 3, 2), vectors, MASK)
    assert loss.item() == pytest.approx(12.5)


def test_a_loss_of_the_other_kind_of_actions_is_refused() -> None:
    with pytest.raises(ValueError, match="discrete_action_loss: expected discrete_actions=True, got False"):
        ActionPredictionLoss(False).discrete_action_loss(LOGITS, CHOICES, MASK)
    with pytest.raises(ValueError, match="continuous_action_loss: expected discrete_actions=False, got True"):
        ActionPredictionLoss(True).continuous_action_loss(LOGITS, LOGITS, MASK)


def test_a_mask_of_another_shape_is_refused_by_every_loss() -> None:
    wrong = torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"\(1, 3\), got \(1, 2\)"):
        ActionPredictionLoss(True).discrete_action_loss(LOGITS, CHOICES, wrong)
    with pytest.raises(ValueError, match=r"\(1, 3\), got \(1, 2\)"):
        gaussian_nll(LOGITS, LOGITS, LOGITS, wrong)
    with pytest.raises(ValueError, match=r"\(1, 3\), got \(1, 2\)"):
        mean_squared_error(torch.zeros(1, 3), torch.zeros(1, 3), wrong)


def test_the_loss_of_action_vectors_is_a_choice() -> None:
    mean, log_std, targets = torch.randn(3, 1, 3, 2, generator=torch.Generator().manual_seed(1))
    squared = ActionPredictionLoss(False, "mse").action_loss(mean, log_std, targets, MASK)
    assert squared == ActionPredictionLoss(False).continuous_action_loss(mean, targets, MASK)
    assert squared != ActionPredictionLoss(False, "nll").action_loss(mean, log_std, targets, MASK)
    with pytest.raises(ValueError, match="continuous_loss: expected one of nll, mse, similarity, got 'mae'"):
        ActionPredictionLoss(False, "mae")


def test_agents_are_averaged_like_rows() -> None:
    generator = torch.Generator().manual_seed(3)
    logits, vectors = torch.randn(2, 2, 3, 4, 5, generator=generator)
    choices, mask = torch.randint(5, (2, 3, 4), generator=generator), torch.rand(2, 3, 4, generator=generator) < 0.6
    discrete, continuous = ActionPredictionLoss(True), ActionPredictionLoss(False)
    torch.testing.assert_close(
        discrete.discrete_action_loss(logits, choices, mask),
        discrete.discrete_action_loss(logits.flatten(0, 1), choices.flatten(0, 1), mask.flatten(0, 1)),
    )
    torch.testing.assert_close(
        continuous.action_loss(logits, vectors, vectors, mask),
        continuous.action_loss(*(each.flatten(0, 1) for each in (logits, vectors, vectors, mask))),
    )
    values, returns = logits[..., 0], vectors[..., 0]
    torch.testing.assert_close(discrete.value_loss(values, returns, mask), (values - returns).square()[mask].mean())


def test_targets_of_another_shape_are_refused_rather_than_stretched() -> None:
    square, mask = torch.zeros(3, 3, 3), torch.ones(3, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"targets: expected shape \(3, 3, 3\), got \(3, 3\)"):
        ActionPredictionLoss(False).continuous_action_loss(square, square[0], mask)
    with pytest.raises(ValueError, match=r"targets: expected shape \(3, 3\), got \(3,\)"):
        ActionPredictionLoss(False).value_loss(square[0], square[0, 0], mask)
    with pytest.raises(ValueError, match=r"targets: expected shape \(3, 3\), got \(9,\)"):
        ActionPredictionLoss(True).discrete_action_loss(square, torch.zeros(9, dtype=torch.int64), mask)


def test_similarity_asks_which_target_a_prediction_means_and_not_the_reverse() -> None:
    generator = torch.Generator().manual_seed(4)
    preds, targets = torch.randn(2, 1, 5, 3, generator=generator)
    mask = torch.ones(1, 5, dtype=torch.bool)
    logits = preds[0].double() @ targets[0].double().T
    expected = -logits.log_softmax(1).diagonal().mean()
    reverse = -logits.log_softmax(0).diagonal().mean()
    assert abs(expected - reverse) > 0.1
    found = ActionPredictionLoss(False, "similarity").action_loss(preds, None, targets, mask)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)
