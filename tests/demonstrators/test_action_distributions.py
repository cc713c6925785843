"""Log-probabilities and gradients against torch.distributions and autograd; samples against the shares they are to have."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Independent, Normal

from understudy.demonstrators.action_distributions import Categorical, DiagonalGaussian

ROWS = 7
LOG_STD = torch.tensor([-1.0, 0.5, -0.3])


def predictions() -> Tensor:
    return 2 * torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("grad_entropy", [0.0, -0.7])
def test_the_gradient_of_choices_is_that_of_autograd(grad_entropy):
    preds, actions, grad_log_prob = predictions(), torch.tensor([[0], [1], [2], [2], [1], [0], [0]]), random(ROWS)
    log_prob, backward = Categorical().log_prob(preds, actions)
    leaf = preds.clone().requires_grad_()
    theirs = TorchCategorical(logits=leaf)
    expected = theirs.log_prob(actions[:, 0])
    (expected @ grad_log_prob + grad_entropy * theirs.entropy().sum()).backward()
    torch.testing.assert_close(log_prob, expected)
    torch.testing.assert_close(backward(grad_log_prob, grad_entropy), leaf.grad)


@pytest.mark.parametrize("grad_entropy", [0.0, -0.7])
def test_the_gradients_of_vectors_are_those_of_autograd(grad_entropy):
    preds, grad_log_prob, grad_log_std = predictions(), random(ROWS), torch.full((3,), 9.0)
    actions = preds + random(ROWS, 3)
    log_prob, backward = DiagonalGaussian(LOG_STD, grad_log_std).log_prob(preds, actions)
    leaf, log_std = preds.clone().requires_grad_(), LOG_STD.clone().requires_grad_()
    theirs = Independent(Normal(leaf, log_std.exp()), 1)
    expected = theirs.log_prob(actions)
    (expected @ grad_log_prob + grad_entropy * theirs.entropy().sum()).backward()
    torch.testing.assert_close(log_prob, expected)
    torch.testing.assert_close(backward(grad_log_prob, grad_entropy), leaf.grad)
    torch.testing.assert_close(grad_log_std, log_std.grad)


def test_vectors_of_double_precision_are_rounded_first():
    """An action space may be float64; the weights are not."""
    gaussian = DiagonalGaussian(LOG_STD, torch.zeros(3))
    log_prob, backward = gaussian.log_prob(predictions(), random(ROWS, 3).double())
    assert log_prob.dtype == backward(random(ROWS), 0.0).dtype == torch.float32
    assert torch.equal(log_prob, gaussian.log_prob(predictions(), random(ROWS, 3))[0])


def test_choices_are_drawn_at_their_probabilities():
    torch.manual_seed(0)
    probabilities, categorical = torch.tensor([0.5, 0.3, 0.15, 0.05]), Categorical()
    drawn = categorical.sample(probabilities.log().expand(40_000, 4) + 7, categorical.draw_noise(40_000, 4))
    assert drawn.shape == (40_000, 1) and drawn.dtype == torch.int64
    torch.testing.assert_close(torch.bincount(drawn[:, 0], minlength=4) / 40_000, probabilities, rtol=0, atol=0.01)


def test_vectors_are_drawn_around_their_means():
    torch.manual_seed(0)
    gaussian = DiagonalGaussian(torch.tensor([0.5, 2.0]).log(), torch.zeros(2))
    drawn = gaussian.sample(torch.tensor([1.0, -3.0]).expand(40_000, 2), gaussian.draw_noise(40_000, 2))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -3.0]), rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 2.0]), rtol=0.03, atol=0)
