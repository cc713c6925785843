"""The two action distributions of PPO, with the gradients of log-probability and entropy written down instead of recorded.

Categorical      -- one of A actions
DiagonalGaussian -- vectors of A independent components, with a standard deviation that is the same in every state

Noise is drawn apart from what it is added to, so that a whole rollout's can be drawn at once.

B rows; A number of actions, or of an action vector's components.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)

# (grad_log_prob, grad_entropy) -> grad_preds: from a loss's gradient (B,) in each row's log-probability, and the one number that
# is its gradient in every row's entropy, to its gradient (B, A) in the predictions.
Backward = Callable[[Tensor, float], Tensor]


class Categorical:
    """One of A actions; predictions (B, A) are logits."""

    def draw_noise(self, *shape: int) -> Tensor:
        """Standard Gumbel numbers: added to logits they make the largest one a sample (Maddison et al. 2014, arXiv:1411.0030)."""
        return torch.empty(shape).exponential_().log_().neg_()

    def sample(self, preds: Tensor, noise: Tensor) -> Tensor:
        """Draw an action for each row.

        Args:
            preds: (B, A) logits.
            noise: (B, A) from `draw_noise`.

        Returns:
            (B, 1) int64.
        """
        return (preds + noise).argmax(1, keepdim=True)

    def log_prob(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Backward]:
        """Log-probabilities of actions, and the way back from them.

        Args:
            preds: (B, A) logits.
            actions: (B, 1) int64.

        Returns:
            (B,) log-probabilities, and the function that gives a loss's gradient in `preds`.
        """
        log_probs = F.log_softmax(preds, 1)  # (B, A)

        def backward(grad_log_prob: Tensor, grad_entropy: float) -> Tensor:
            probs = log_probs.exp()
            entropy = -(probs * log_probs).sum(1, keepdim=True)  # (B, 1)
            grad_preds = -probs * (grad_entropy * (log_probs + entropy) + grad_log_prob[:, None])
            return grad_preds.scatter_add_(1, actions, grad_log_prob[:, None])

        return log_probs.gather(1, actions)[:, 0], backward


class DiagonalGaussian:
    """Vectors of A independent components; predictions (B, A) are their means.

    Args:
        log_std: (A,) logarithm of the standard deviation, read at every call.
        log_std_grad: (A,) into which `backward` writes a loss's gradient in `log_std`, by which alone the entropy changes.
    """

    def __init__(self, log_std: Tensor, log_std_grad: Tensor) -> None:
        self.log_std, self.log_std_grad = log_std, log_std_grad

    def draw_noise(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape)

    def sample(self, preds: Tensor, noise: Tensor) -> Tensor:
        """Draw an action for each row.

        Args:
            preds: (B, A) means.
            noise: (B, A) from `draw_noise`.

        Returns:
            (B, A) float32, not clipped to the action space.
        """
        return preds + self.log_std.exp() * noise

    def log_prob(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Backward]:
        """Log-probabilities of actions, and the way back from them.

        Args:
            preds: (B, A) means.
            actions: (B, A) floats, not clipped to the action space.

        Returns:
            (B,) log-probabilities, and the function that gives a loss's gradient in `preds`.
        """
        inverse_std = torch.exp(-self.log_std)
        z_scores = (actions.float() - preds) * inverse_std  # (B, A)

        def backward(grad_log_prob: Tensor, grad_entropy: float) -> Tensor:
            self.log_std_grad.copy_((grad_log_prob[:, None] * (z_scores**2 - 1)).sum(0) + len(preds) * grad_entropy)
            return grad_log_prob[:, None] * z_scores * inverse_std

        return -(0.5 * z_scores**2 + self.log_std + LOG_ROOT_2_PI).sum(1), backward
