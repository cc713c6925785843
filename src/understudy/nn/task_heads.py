"""What features say of the actions of several tasks.

TaskHead   -- what both are to a model
CoarseHead -- an action from one token's features: logits of a choice, or mean and deviation of a vector, by a map a task
FineHead   -- an action's entries one after the other, each a value of the vocabulary that all tasks share

B rows, T steps, K tasks, E entries of an action, P choices or entries of the widest, V vocabulary, D width, n tokens that say an
action.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.nn.bin_vectors import BinLogits
from understudy.nn.heads import LOG_STD_RANGE, choose_actions
from understudy.nn.task_spaces import TaskLinear, TaskSpaces, of_rows
from understudy.nn.task_values import ActionValues

Following = Callable[[Tensor, int], Tensor]


class TaskHead(Protocol):
    """Actions of several tasks.

    Attributes:
        num_predicted: n, of a step's tokens from the last observed one on.
    """

    num_predicted: int

    def predict(self, features: Tensor, task_ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the features (B, T, n, D) say of each entry, and how sure they are of it, where they say that."""

    def step_losses(self, preds: Tensor, log_std: Tensor | None, entries: Tensor, task_ids: Tensor) -> Tensor:
        """Negative log-likelihood, or squared error, (B, T) of actions (B, T, E); sums or means over a task's own entries."""

    def as_predictions(self, preds: Tensor, task_ids: Tensor) -> Tensor:
        """Logits of choices, or vectors, (B, T, P)."""

    def choose(
        self, features: Tensor, task_ids: Tensor, generator: torch.Generator | None, following: Following
    ) -> tuple[Tensor, Tensor | None]:
        """Actions (B, E) float32 that features (B, D) of the present say, and predictions (B, P), where there are any.

        Args:
            features: of the last observed token.
            task_ids: (B,) int64.
            generator: draws on the CPU; None for the likeliest.
            following: features (B, D) of an entry's token, of values (B,) int64 of the entry of this number.
        """


class CoarseHead(nn.Module):
    """A map a task.

    Args:
        spaces: of the tasks.
        embed_dim: D.
        continuous_loss: of action vectors: "nll", a Gaussian's, or "mse".

    Raises:
        ValueError: there is no such loss.
    """

    num_predicted = 1
    choice_exists: Tensor

    def __init__(self, spaces: TaskSpaces, embed_dim: int, continuous_loss: str) -> None:
        super().__init__()
        if continuous_loss not in ("nll", "mse"):
            raise ValueError(f"continuous_loss: expected one of nll, mse, got {continuous_loss!r}")
        self.spaces, widths = spaces, [embed_dim] * spaces.count
        self.mean = TaskLinear(widths, spaces.action_dims)
        gaussian = continuous_loss == "nll" and not all(spaces.discrete)
        self.log_std = TaskLinear(widths, spaces.action_dims) if gaussian else None
        # A prediction (..., P) of a choice is a logit, which is none where there is no such choice.
        choices = torch.tensor(spaces.action_dims)[:, None]
        missing = (torch.arange(spaces.action_width) >= choices) & torch.tensor(spaces.discrete)[:, None]
        self.register_buffer("choice_exists", ~missing, persistent=False)  # (K, P)

    def predict(self, features: Tensor, task_ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits or means (B, ..., P) and log deviations of features (B, ..., 1, D)."""
        features = features[..., 0, :]
        means = self.mean(features, task_ids)
        means = means.masked_fill(~of_rows(self.choice_exists[task_ids], means), -torch.inf)
        return means, None if self.log_std is None else self.log_std(features, task_ids).clamp(*LOG_STD_RANGE)

    def step_losses(self, preds: Tensor, log_std: Tensor | None, entries: Tensor, task_ids: Tensor) -> Tensor:
        """Cross entropies of choices; of vectors the Gaussian's negative log-likelihood, or the squared error a entry."""
        losses = preds.new_zeros(preds.shape[:2], dtype=torch.float32)
        chosen = self.spaces.is_choice[task_ids]
        logits, choices = preds[chosen], entries[chosen][..., 0].long()
        losses[chosen] = functional.cross_entropy(
            logits.float().flatten(0, 1), choices.flatten(), reduction="none"
        ).view(choices.shape)
        width = self.spaces.entry_width
        exists = self.spaces.entry_exists[task_ids[~chosen]][:, None]  # (b, 1, E)
        errors = (preds[~chosen][..., :width].float() - entries[~chosen]).square()
        if log_std is None:
            losses[~chosen] = errors.masked_fill(~exists, 0.0).sum(-1) / exists.sum(-1)
        else:
            log_std = log_std[~chosen][..., :width].float()
            nll = 0.5 * errors * (-2 * log_std).exp() + log_std + 0.5 * torch.log(torch.tensor(2 * torch.pi))
            losses[~chosen] = nll.masked_fill(~exists, 0.0).sum(-1)
        return losses

    def as_predictions(self, preds: Tensor, task_ids: Tensor) -> Tensor:
        """As they are."""
        return preds

    def choose(
        self, features: Tensor, task_ids: Tensor, generator: torch.Generator | None, following: Following
    ) -> tuple[Tensor, Tensor | None]:
        """Actions (B, E) and predictions (B, P); nothing follows."""
        preds, log_std = self.predict(features[:, None], task_ids)
        width, discrete = self.spaces.entry_width, self.spaces.discrete
        # Of a row's two only the one of its task's kind is taken.
        if any(discrete):
            chosen = choose_actions(preds, None, True, generator)[:, None].float()  # (B, 1)
            entries = functional.pad(chosen, (0, width - 1))
        if not all(discrete):
            std = None if log_std is None else log_std[:, :width]
            vectors = choose_actions(preds[:, :width], std, False, generator)
            vectors = vectors.masked_fill(~self.spaces.entry_exists[task_ids], 0.0)
            entries = (
                torch.where(self.spaces.is_choice[task_ids][:, None], entries, vectors) if any(discrete) else vectors
            )
        return entries, preds


class FineHead(nn.Module):
    """Logits of values: of a choice by one map for all tasks, of the entries of vectors as BinLogits.

    Args:
        values: of the entries.
        embed_dim: D.
    """

    def __init__(self, values: ActionValues, embed_dim: int) -> None:
        super().__init__()
        self.num_predicted, self.values = values.spaces.entry_width, values
        self.choices = nn.Linear(embed_dim, values.vocabulary)
        self.bins = None if all(values.spaces.discrete) else BinLogits(self.num_predicted, values.num_bins, embed_dim)

    def predict(self, features: Tensor, task_ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (B, ..., n, V) of the values of each entry; -inf where the task has no such value."""
        return self._of_tasks(
            self.choices(features), None if self.bins is None else self.bins(features), task_ids
        ), None

    def step_losses(self, preds: Tensor, log_std: Tensor | None, entries: Tensor, task_ids: Tensor) -> Tensor:
        """Cross entropies, summed over a task's entries."""
        values = self.values.encode(entries, task_ids)  # (B, T, E)
        losses = functional.cross_entropy(preds.flatten(0, 2), values.flatten(), reduction="none").view(values.shape)
        return losses.masked_fill(~self.values.spaces.entry_exists[task_ids][:, None], 0.0).sum(-1)

    def as_predictions(self, preds: Tensor, task_ids: Tensor) -> Tensor:
        """Logits of choices; the likeliest entries of vectors, each after the executed ones before it."""
        width, likeliest = self.values.spaces.action_width, self.values.decode(preds.argmax(-1), task_ids)
        chosen = self.values.spaces.is_choice[task_ids][:, None, None]
        return torch.where(chosen, _as_wide(preds[..., 0, :], width, -torch.inf), _as_wide(likeliest, width, 0.0))

    def choose(
        self, features: Tensor, task_ids: Tensor, generator: torch.Generator | None, following: Following
    ) -> tuple[Tensor, Tensor | None]:
        """Actions (B, E), entry by entry; the logits of choices are predictions (B, P) where all tasks have choices."""
        spaces, values = self.values.spaces, list[Tensor]()
        for number in range(self.num_predicted):
            features = following(values[-1], number - 1) if number else features
            bins = None if self.bins is None else self.bins.at(features, number)
            logits = self._of_tasks(self.choices(features), bins, task_ids)
            values.append(choose_actions(logits, None, True, generator))
        entries = self.values.decode(torch.stack(values, dim=1), task_ids)
        # Where all tasks have choices there is one entry.
        return entries, logits[:, : spaces.action_width] if all(spaces.discrete) else None

    def _of_tasks(self, choices: Tensor, bins: Tensor | None, task_ids: Tensor) -> Tensor:
        """Of each row the logits of its task's kind (..., V), those of values that the task has."""
        logits = choices.float()
        if bins is not None:
            missing = self.values.vocabulary - self.values.num_bins
            chosen = of_rows(self.values.spaces.is_choice[task_ids][:, None], logits)
            logits = torch.where(chosen, logits, functional.pad(bins.float(), (0, missing)))
        return logits.masked_fill(~of_rows(self.values.exists[task_ids], logits), -torch.inf)


def _as_wide(values: Tensor, width: int, filling: float) -> Tensor:
    """Values (..., width), cut off or filled up."""
    return functional.pad(values[..., :width], (0, max(0, width - values.shape[-1])), value=filling)
