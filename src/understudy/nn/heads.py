"""What a hidden state says: an action, a value.

S input width, A action, D width.
"""

import itertools

import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
LOG_STD_RANGE = (-5.0, 2.0)
MOST_LAYERS = 1000


def multilayer_perceptron(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers of the given sizes with an activation (relu or tanh) between them."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(width_in, width_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class ActionHead(nn.Module):
    """Logits over choices, or mean and state-dependent log standard deviation of a Gaussian over action vectors.

    Where `continuous_loss` is "mse" nothing says how far an action may lie from its mean: the standard deviation is zero.
    """

    def __init__(self, width: int, action_dim: int, discrete_actions: bool, continuous_loss: str = "nll") -> None:
        super().__init__()
        self.discrete_actions, self.gaussian = discrete_actions, continuous_loss == "nll"
        self.predict = nn.Linear(width, 2 * action_dim if self.gaussian and not discrete_actions else action_dim)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predictions (..., A), and log standard deviations (..., A) where actions are continuous, else None."""
        return self.split(self.predict(hidden))

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `predict` gives as (logits, None) or (mean, log standard deviation)."""
        if self.discrete_actions:
            return output, None
        if not self.gaussian:
            return output, torch.full_like(output, -torch.inf)
        mean, log_std = output.chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)


class ValueHead(nn.Module):
    """The return still to come, in units of the training data's returns-to-go: (..., D) -> (...)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.squeeze(self.predict(hidden), -1)
