"""What a hidden state says: an action, a value.

S input width, A action, D width.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
LOG_STD_RANGE = (-5.0, 2.0)
MOST_LAYERS = 1000

ActionBounds = tuple[Sequence[float], Sequence[float]]


def multilayer_perceptron(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers of the given sizes with an activation (relu or tanh) between them."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(width_in, width_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class ActionRange(nn.Module):
    """Bounds `low` and `high` (A,) float32 of action vectors, which have the environment's units outside of a model.

    Inside, an entry is -1 at its lower and 1 at its upper bound, so that any range is learned like any other. The bounds come
    from the environment, not from a training: they are no weights.

    Raises:
        ValueError: there are not `action_dim` bounds of each kind.
    """

    def __init__(self, action_dim: int, action_bounds: ActionBounds) -> None:
        super().__init__()
        low, high = (torch.tensor(bounds, dtype=torch.float64) for bounds in action_bounds)
        if not len(low) == len(high) == action_dim:
            raise ValueError(f"action_bounds: expected {action_dim} numbers each, got {len(low)} and {len(high)}")
        values = {"low": low, "high": high, "middle": (low + high) / 2, "half_range": (high - low) / 2}
        for name, value in values.items():
            self.register_buffer(name, value.float(), persistent=False)

    def inside(self, actions: Tensor) -> Tensor:
        """What a model sees of actions (..., A)."""
        return (actions - self.middle) / self.half_range

    def outside(self, mean: Tensor, log_std: Tensor) -> tuple[Tensor, Tensor]:
        """What a model's mean and log standard deviation, (..., A) each, say in the environment's units, float32."""
        return self.middle + self.half_range * mean, log_std + self.half_range.log()


class ActionHead(nn.Module):
    """Logits over choices, or mean and state-dependent log standard deviation of a Gaussian over action vectors.

    Where `continuous_loss` is "mse" nothing says how far an action may lie from its mean: the standard deviation is zero.
    Vectors are in the environment's units where their `action_range` is given.
    """

    def __init__(
        self,
        width: int,
        action_dim: int,
        discrete_actions: bool,
        continuous_loss: str = "nll",
        action_range: ActionRange | None = None,
    ) -> None:
        super().__init__()
        self.discrete_actions, self.gaussian = discrete_actions, continuous_loss == "nll"
        self.action_range = action_range
        self.predict = nn.Linear(width, 2 * action_dim if self.gaussian and not discrete_actions else action_dim)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predictions (..., A), and log standard deviations (..., A) where actions are continuous, else None."""
        return self.split(self.predict(hidden))

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `predict` gives as (logits, None) or (mean, log standard deviation)."""
        if self.discrete_actions:
            return output, None
        if self.gaussian:
            mean, log_std = output.chunk(2, dim=-1)
            log_std = log_std.clamp(*LOG_STD_RANGE)
        else:
            mean, log_std = output, torch.full_like(output, -torch.inf)
        return (mean, log_std) if self.action_range is None else self.action_range.outside(mean, log_std)


class ValueHead(nn.Module):
    """The return still to come, in units of the training data's returns-to-go: (..., D) -> (...)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.squeeze(self.predict(hidden), -1)
