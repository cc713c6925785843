"""What a token's features say: an action, a value.

A action, D width.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
LOG_STD_RANGE = (-5.0, 2.0)
FIRST_SCALE = 10.0  # of cosines, before it is learned
MOST_LAYERS = 1000


def multilayer_perceptron(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers with an activation between them.

    Args:
        sizes: widths, the input's first.
        activation: relu or tanh.

    Raises:
        ValueError: there is no such activation.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(width_in, width_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def greedy_actions(preds: Tensor, discrete_actions: bool) -> Tensor:
    """The likeliest actions, (...) int64 of logits (..., A), or the means (..., A) themselves."""
    return preds.argmax(-1) if discrete_actions else preds


def choose_actions(
    preds: Tensor, log_std: Tensor | None, discrete_actions: bool, generator: torch.Generator | None
) -> Tensor:
    """Actions (B,) int64 or (B, A): the likeliest ones, or with a `generator`, on the CPU, drawn from what is predicted.

    Args:
        preds: (B, A) logits, or means.
        log_std: (B, A) of a Gaussian around the means; None where nothing says how far an action may lie from them.
        discrete_actions: whether `preds` are logits.
        generator: draws on the CPU, so that a seed gives the same actions on any device; None for the likeliest.
    """
    if generator is None:
        return greedy_actions(preds, discrete_actions)
    if discrete_actions:
        drawn = torch.multinomial(preds.cpu().softmax(-1), 1, generator=generator)[:, 0]
    elif log_std is None:
        return preds
    else:
        noise = torch.randn(preds.shape, generator=generator, device="cpu")
        drawn = preds.cpu() + log_std.cpu().exp() * noise
    return drawn.to(preds.device)


class ActionHead(nn.Module):
    """Logits over choices, or of action vectors what the loss asks for.

    For "nll" that is mean and state-dependent log standard deviation of a Gaussian, for "mse" the mean. For "similarity" it is a
    vector whose inner product with an action of length one is the logit of that action: their cosine, times a learned scale.

    Args:
        width: D.
        action_dim: A.
        discrete_actions: whether actions are choices.
        continuous_loss: of action vectors.
    """

    def __init__(self, width: int, action_dim: int, discrete_actions: bool, continuous_loss: str = "nll") -> None:
        super().__init__()
        self.discrete_actions = discrete_actions
        self.gaussian = continuous_loss == "nll" and not discrete_actions
        similar = continuous_loss == "similarity" and not discrete_actions
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE))) if similar else None
        self.predict = nn.Linear(width, 2 * action_dim if self.gaussian else action_dim)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predictions (..., A), and log standard deviations (..., A) of a Gaussian, else None."""
        return self.split(self.predict(features))

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `predict` gives, (..., A) or (..., 2A), as predictions and log standard deviations."""
        if self.log_scale is not None:
            return self.log_scale.exp() * functional.normalize(output, dim=-1), None
        if not self.gaussian:
            return output, None
        mean, log_std = output.chunk(2, dim=-1)
        return mean, log_std.clamp(*LOG_STD_RANGE)

    def choose(self, preds: Tensor, log_std: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """Actions (B,) or (B, A) of this head's predictions, as `choose_actions`."""
        return choose_actions(preds, log_std, self.discrete_actions, generator)


class ValueHead(nn.Module):
    """The return still to come, normalised as a batch's returns-to-go are.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Values (...) of features (..., D)."""
        return torch.squeeze(self.predict(features), -1)
