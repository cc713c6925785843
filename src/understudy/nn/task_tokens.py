"""The steps of several tasks as tokens, coarse or fine.

TaskTokens   -- what both are to a model
CoarseTokens -- one token a modality: the picture, if there is one, the state, the action
FineTokens   -- one token a number: each component of the state, a separator that names the task, each entry of the action

B rows, T steps, K tasks, S states, E entries of an action, D width; M = O + N tokens a step: O of what is observed, from the last
of which the action is predicted, then N of the action. Those that a task does not have exist in no row of it.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from understudy.nn.bin_vectors import BinEmbedding
from understudy.nn.mu_law import MuLawBins
from understudy.nn.task_images import TaskImages
from understudy.nn.task_spaces import TaskLinear, TaskSpaces, of_rows
from understudy.nn.task_values import ActionValues


class TaskTokens(Protocol):
    """Tokens of steps.

    Attributes:
        num_observed: O.
        num_entries: N.
        task_vectors: (K, D), what says which task it is.
    """

    num_observed: int
    num_entries: int
    task_vectors: nn.Parameter

    def observed(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """Tokens (B, ..., O, D) of states (B, ..., S); task_ids (B,) int64."""

    def acted(self, entries: Tensor, task_ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Tokens (B, ..., N, D) of actions (B, ..., E), or the token of a dropped one where dropped (B, ...) says so."""

    def exist(self, task_ids: Tensor) -> Tensor | None:
        """Which tokens (B, M) bool there are of a row's step; None where every task has all."""

    def names(self, number: int) -> tuple[str, ...]:
        """Of the M tokens of a step of the task of this number; empty of those that it does not have."""


class CoarseTokens(nn.Module):
    """A linear map of the state, with the task's vector, and a vector of the choice or a linear map of the action.

    Args:
        spaces: of the tasks.
        embed_dim: D.
        images: of tasks with pictures, which are tokens of their own before the state's; None where none is told of.
    """

    num_entries = 1

    def __init__(self, spaces: TaskSpaces, embed_dim: int, images: TaskImages | None = None) -> None:
        super().__init__()
        self.spaces, count = spaces, spaces.count
        self.num_observed = 1 if images is None else 2
        numbers = spaces.state_dims if images is None else images.other_counts
        self.state_map = TaskLinear(numbers, [embed_dim] * count)
        self.task_vectors = nn.Parameter(torch.randn(count, embed_dim))
        self.choice_vectors = nn.Parameter(torch.randn(count, spaces.action_width, embed_dim))
        entries = [1 if discrete else dim for discrete, dim in zip(spaces.discrete, spaces.action_dims, strict=True)]
        self.action_map = TaskLinear(entries, [embed_dim] * count)
        self.dropped_token = nn.Parameter(torch.zeros(embed_dim))
        self.images = images

    def observed(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """Tokens (B, ..., O, D) of states (B, ..., S): the picture, if any task has one, and the state."""
        task = of_rows(self.task_vectors[task_ids], states)
        if self.images is None:
            return (self.state_map(states, task_ids) + task).unsqueeze(-2)
        token = self.state_map(self.images.others(states, task_ids), task_ids) + task
        return torch.stack([self.images(states, task_ids), token], dim=-2)

    def acted(self, entries: Tensor, task_ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Tokens (B, ..., 1, D) of actions (B, ..., E)."""
        discrete = of_rows(self.spaces.is_choice[task_ids][:, None], entries)
        places = of_rows(task_ids[:, None], entries)[..., 0] * self.spaces.action_width
        # The entries of a vector are no whole numbers: they choose nothing.
        chosen = torch.where(discrete[..., 0], entries[..., 0], 0.0).long() + places
        tokens = torch.where(
            discrete,
            nn.functional.embedding(chosen, self.choice_vectors.flatten(0, 1)),
            self.action_map(entries, task_ids),
        )
        return _without(dropped, self.dropped_token, tokens).unsqueeze(-2)

    def exist(self, task_ids: Tensor) -> Tensor | None:
        """Which tokens (B, 3) bool there are, of picture, state and action; None where every task has all."""
        if self.images is None or self.images.everywhere:
            return None
        is_there = self.images.is_there[task_ids, None]
        return torch.cat([is_there, torch.ones_like(is_there).expand(-1, 2)], dim=1)

    def names(self, number: int) -> tuple[str, ...]:
        """The modalities."""
        if self.images is None:
            return ("state", "action")
        return ("picture" if self.images.is_there[number] else "", "state", "action")


class FineTokens(nn.Module):
    """A token for each number, from one vocabulary for all tasks.

    A number's token is the vector of its mu-law bin, which all components of all tasks share, and two of the component: one that
    names it, and one times the number that the bin stands for, so that the components of a state add up to a linear map of it. An
    entry of an action has likewise a vector of its value.

    Args:
        values: of the entries of actions.
        embed_dim: D.
        num_bins: of the components of states.
    """

    def __init__(self, values: ActionValues, embed_dim: int, num_bins: int) -> None:
        super().__init__()
        self.values, self.spaces, self.bins = values, values.spaces, MuLawBins(num_bins)
        count, states, entries = self.spaces.count, self.spaces.state_width, self.spaces.entry_width
        self.num_observed, self.num_entries = states + 1, entries
        self.bin_vectors = BinEmbedding(1, num_bins, embed_dim)
        self.component_vectors = nn.Parameter(torch.randn(count, states, embed_dim))
        self.component_directions = nn.Parameter(torch.randn(count, states, embed_dim))
        self.task_vectors = nn.Parameter(torch.randn(count, embed_dim))
        self.value_vectors = nn.Parameter(torch.randn(values.vocabulary, embed_dim))
        self.entry_vectors = nn.Parameter(torch.randn(count, entries, embed_dim))
        self.entry_directions = nn.Parameter(torch.randn(count, entries, embed_dim))
        self.dropped_token = nn.Parameter(torch.zeros(embed_dim))

    def observed(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """Tokens (B, ..., S + 1, D) of states (B, ..., S): their components, then the separator."""
        exists = of_rows(self.spaces.state_exists[task_ids], states)
        bins = self.bins.encode(torch.where(exists, states, 0.0))  # (B, ..., S)
        components = nn.functional.embedding(bins, self.bin_vectors.at(0))
        components = components + of_rows(self.component_vectors[task_ids], components)
        components = components + self.bins.decode(bins)[..., None] * of_rows(
            self.component_directions[task_ids], components
        )
        separator = of_rows(self.task_vectors[task_ids][:, None], components).expand_as(components[..., :1, :])
        return torch.cat([components, separator], dim=-2)

    def acted(self, entries: Tensor, task_ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """Tokens (B, ..., E, D) of actions (B, ..., E)."""
        tokens = self.embed_values(self.values.encode(entries, task_ids), task_ids)
        return _without(None if dropped is None else dropped[..., None], self.dropped_token, tokens)

    def exist(self, task_ids: Tensor) -> Tensor | None:
        """Which tokens (B, S + 1 + E) bool there are; None where all tasks have the same."""
        if self.spaces.alike:
            return None
        separator = torch.ones(len(task_ids), 1, dtype=torch.bool, device=task_ids.device)
        return torch.cat([self.spaces.state_exists[task_ids], separator, self.spaces.entry_exists[task_ids]], dim=1)

    def names(self, number: int) -> tuple[str, ...]:
        """Those of the components, "task", and "action" or its entries' own."""
        components, actions = self.spaces.component_names[number], self.spaces.entry_names[number]
        missing = ("",) * (self.spaces.state_width - len(components)), ("",) * (self.num_entries - len(actions))
        return (*components, *missing[0], "task", *actions, *missing[1])

    def embed_values(self, values: Tensor, task_ids: Tensor, first: int = 0) -> Tensor:
        """Tokens (B, ..., n, D) of values (B, ..., n) int64 of the entries from `first` on."""
        place = slice(first, first + values.shape[-1])
        tokens = nn.functional.embedding(values, self.value_vectors)
        tokens = tokens + of_rows(self.entry_vectors[task_ids][:, place], tokens)
        numbers = self.values.numbers(values, task_ids)[..., None]
        return tokens + numbers * of_rows(self.entry_directions[task_ids][:, place], tokens)


def _without(dropped: Tensor | None, token: Tensor, tokens: Tensor) -> Tensor:
    return tokens if dropped is None else torch.where(dropped[..., None].to(tokens.device), token, tokens)
