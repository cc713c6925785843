"""Which tokens a generalist predicted its actions from.

AttendedTokens                -- how much went to each token of each of the last steps
attended_tokens(trained, ...) -- the mean of that over what was played without a prompt

T steps, M tokens a step, L = T M.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from understudy.episode import Episode
from understudy.errors import DataError
from understudy.models.generalist import Generalist
from understudy.policies.files import TrainedPolicy

MOST_STEPS = 200  # of an episode, its first ones: maps are quadratic in them


@dataclass(frozen=True)
class AttendedTokens:
    """Shares of the attention.

    Attributes:
        names: of a step's tokens, those that the task has.
        weights: (names, steps back) float64: what went to this token of the step so many before. The sum is at most one, and is
            one where steps back are as many as the model's context.
    """

    names: tuple[str, ...]
    weights: np.ndarray

    @property
    def by_token(self) -> np.ndarray:
        """Shares of the tokens, whichever step they are of."""
        shares: np.ndarray = self.weights.sum(axis=1)
        return shares


@torch.inference_mode()
def attended_tokens(trained: TrainedPolicy, episodes: Iterable[Episode], steps_back: int) -> AttendedTokens:
    """Mean over the steps of some episodes of the last layer's attention, of all its heads, from where actions are predicted.

    Args:
        trained: a generalist that acts in the task in which the episodes were played.
        episodes: played without a prompt, of which MOST_STEPS are taken.
        steps_back: how many steps are told apart, the present one counted.

    Raises:
        DataError: the policy is of another family, return_conditioned, or shown demonstrations at play unless told otherwise, or
            there is no episode.
    """
    model, task, interface = trained.model, trained.task, trained.interface
    if not isinstance(model, Generalist):
        raise DataError(f"policy: expected one of the family generalist, got one of {trained.family}")
    if model.returns is not None:
        raise DataError("policy: expected a generalist that is not return_conditioned, got one that is")
    if model.options.prompts_shown(None):
        raise DataError("policy: expected a generalist that plays without a prompt, got one whose task_token is prompt")
    number = interface.number_of(task.environment)
    total, count = torch.zeros(steps_back, model.tokens_per_step, dtype=torch.float64), 0
    for episode in episodes:
        observations, executed = episode.observations[:MOST_STEPS], episode.actions[:MOST_STEPS]
        states = torch.from_numpy(interface.pad_states(task.normalize_states(task.select_visible(observations))))
        actions = torch.from_numpy(interface.pad_actions(number, task.normalize_actions(executed)))
        maps = model.attention_maps(states[None], actions[None], number)
        total += _by_steps_back(maps.layers[-1][0].mean(0), model.tokens.num_observed - 1, total.shape)
        count += len(states)
    if not count:
        raise DataError("episodes: expected at least one, got none")
    names = model.tokens.names(number)
    there = [place for place, name in enumerate(names) if name]
    return AttendedTokens(tuple(names[place] for place in there), (total / count).T[there].numpy())


def _by_steps_back(weights: Tensor, token: int, shape: tuple[int, ...]) -> Tensor:
    """Sums over steps (steps back, M) of the rows of `weights` (L, L) that belong to the `token`-th token of each step."""
    steps_back, tokens = shape
    of_steps = weights[token::tokens].unflatten(1, (-1, tokens)).double()  # (T, T, M)
    sums = torch.zeros(shape, dtype=torch.float64)
    for back in range(min(steps_back, len(of_steps))):
        sums[back] = of_steps.diagonal(-back).sum(-1)
    return sums
