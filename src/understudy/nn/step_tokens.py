"""An environment step as tokens: a bin for each number, the choice itself for an action that is one.

StepTokens -- the tables, saved with the weights

S state, A action (1 where it is a choice), M = S + A + 1 tokens a step: those of the state's components, of the action's entries
and of the reward. A position is one of 0 to M - 1; V vocabulary, the same at all positions.
"""

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.nn.discretise import Binning, Discretiser, round_trip_errors

LOSSY = 0.2  # of a dimension's standard deviation, the root mean square of a number's way into its bin and back


class StepTokens(nn.Module):
    """The bins of states, actions, rewards, and of the returns-to-go beside them.

    Args:
        names: of the state's S components, for messages.
        action_dim: choices, or A.
        discrete_actions: whether actions are choices.
        num_bins: of each number, at most.

    Attributes:
        num_states: S.
        num_actions: A.
        per_step: M.
        vocabulary: V.

    Raises:
        ValueError: there would be fewer than two bins.
    """

    def __init__(self, names: Sequence[str], action_dim: int, discrete_actions: bool, num_bins: int) -> None:
        super().__init__()
        self.discrete_actions, self.action_dim = discrete_actions, action_dim
        self.num_states, self.num_actions = len(names), 1 if discrete_actions else action_dim
        self.per_step = self.num_states + self.num_actions + 1
        self.vocabulary = max(num_bins, action_dim) if discrete_actions else num_bins
        entries = [] if discrete_actions else [f"action {entry}" for entry in range(action_dim)]
        self.names = (*names, *entries, "reward")
        self.numbers, self.returns = Discretiser(len(self.names), num_bins), Discretiser(1, num_bins)

    def fit(self, states: Tensor, actions: Tensor, rewards: Tensor, returns_to_go: Tensor, binning: Binning) -> None:
        """Measure the bins on training steps; a warning names those numbers of which too much is lost in them.

        Args:
            states: (K, S), on the CPU as the others.
            actions: (K,) int64 or (K, A).
            rewards: (K,) raw.
            returns_to_go: (K,).
            binning: as in `fit_bins`.
        """
        errors = []
        measured = (self.numbers, self._numbers(states, actions, rewards)), (self.returns, returns_to_go[:, None])
        for table, values in measured:
            fitted = Discretiser(values.shape[1], table.num_bins)  # where the steps are, which the model need not be
            fitted.fit(values.numpy(), binning)
            errors += round_trip_errors(fitted, values).tolist()
            table.load_state_dict(fitted.state_dict())
        lossy = [
            f"{name} {error:.2f}"
            for name, error in zip((*self.names, "return-to-go"), errors, strict=True)
            if error > LOSSY
        ]
        if lossy:
            warnings.warn(
                f"num_bins: expected {self.numbers.num_bins} bins to keep every number within {LOSSY:g} of its standard"
                f" deviation, got {', '.join(lossy)}",
                stacklevel=3,
            )

    def possible_actions(self) -> int:
        """How many different actions can be decided: choices, or vectors of entries that have a bin each."""
        if self.discrete_actions:
            return self.action_dim
        return math.prod(self.numbers.counts[self.num_states : self.num_states + self.num_actions].tolist())

    def encode(self, states: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
        """Tokens (..., M) int64 of states (..., S), actions (...) or (..., A), and raw rewards (...)."""
        bins = self.numbers.encode(self._numbers(states, actions, rewards))
        if not self.discrete_actions:
            return bins
        return torch.cat([bins[..., :-1], actions[..., None], bins[..., -1:]], dim=-1)

    def encode_returns(self, returns_to_go: Tensor) -> Tensor:
        """Bins (...) int64 of returns-to-go (...)."""
        return self.returns.encode(returns_to_go[..., None])[..., 0]

    def decode_states(self, tokens: Tensor) -> Tensor:
        """States (..., S) of their tokens (..., S)."""
        return self.numbers.means[torch.arange(self.num_states, device=tokens.device), tokens]

    def decode_actions(self, tokens: Tensor) -> Tensor:
        """Actions (...) int64 or (..., A) of their tokens (..., A)."""
        if self.discrete_actions:
            return tokens[..., 0]
        return self.numbers.means[torch.arange(self.num_actions, device=tokens.device) + self.num_states, tokens]

    def decode_rewards(self, tokens: Tensor) -> Tensor:
        """Raw rewards (...) of their tokens (...)."""
        return self.numbers.means[-1, tokens]

    def expected_rewards(self, logits: Tensor) -> Tensor:
        """Raw rewards (...) that are expected by the logits (..., V) of their tokens."""
        means = functional.pad(self.numbers.means[-1], (0, self.vocabulary - self.numbers.num_bins))
        return (logits.softmax(-1) * means).sum(-1)

    def expected_returns(self, logits: Tensor) -> Tensor:
        """Returns-to-go (...) that are expected by the logits (..., N) of their bins."""
        existing = logits.float().masked_fill(self.returns.missing()[0], -torch.inf)
        return (existing.softmax(-1) * self.returns.means[0]).sum(-1)

    def missing(self) -> Tensor:
        """Which tokens do not exist at each position, (M, V) bool."""
        counts = self.numbers.counts
        if self.discrete_actions:
            counts = torch.cat([counts[:-1], counts.new_tensor([self.action_dim]), counts[-1:]])
        return torch.arange(self.vocabulary, device=counts.device) >= counts[:, None]

    def _numbers(self, states: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
        """What is put into bins, (..., S + 1) or (..., S + A + 1)."""
        entries = [] if self.discrete_actions else [actions]
        return torch.cat([states, *entries, rewards[..., None]], dim=-1)
