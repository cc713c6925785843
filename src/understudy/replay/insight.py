"""What a policy thought during an episode: from one pass over it.

Insight            -- probabilities of actions, values, and how far back it looked
look(trained, episode) -> Insight
attention_to_steps(trained, episode) -- which steps each prediction looked at

T steps, A actions.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.episode import Episode
from understudy.interface import Task
from understudy.models.action_transformer import ActionTransformer
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.models.mlp import MultilayerPerceptron
from understudy.models.registry import DEMONSTRATORS
from understudy.nn.maps import AttentionMaps
from understudy.policies.files import TrainedPolicy

LOOKED_BACK = 20
MOST_STEPS = 1024  # maps are quadratic in them


@dataclass(frozen=True)
class Insight:
    """What is known of each step.

    Attributes:
        probabilities: (T, A) of the choices; None for vectors, or where nothing is predicted.
        values: (T,) the return to come that the policy expects, raw; None where it expects none.
        attention: (T, LOOKED_BACK) how much of the last layer's attention goes to the present step, to the one before, ...;
            None where nothing attends.
    """

    probabilities: np.ndarray | None = None
    values: np.ndarray | None = None
    attention: np.ndarray | None = None


@torch.inference_mode()
def look(trained: TrainedPolicy, episode: Episode, attention: bool = True) -> Insight:
    """What the policy thought while it played this episode; of a demonstrator, and of several agents, nothing is known.

    Args:
        trained: the policy.
        episode: of one agent.
        attention: whether to say how far back it looked, which takes long.
    """
    task = trained.task
    if trained.family in DEMONSTRATORS or episode.length > MOST_STEPS or task.num_agents > 1:
        return Insight()
    rows = _rows(task, episode)
    preds, values = _predict(trained.model, *rows)
    maps = _attend(trained.model, *rows) if attention else None
    return Insight(
        None if preds is None or not task.discrete_actions else preds[0].softmax(-1).numpy(),
        None if values is None else _raw_returns(task, values[0].numpy()),
        None if maps is None else _looked_back(maps),
    )


@torch.inference_mode()
def attention_to_steps(trained: TrainedPolicy, episode: Episode) -> np.ndarray | None:
    """How much of the last layer's attention goes from each step, a row, to each, (T, T); rows sum to one.

    None of what does not attend, of several agents, and of an episode of more than MOST_STEPS.
    """
    if trained.family in DEMONSTRATORS or episode.length > MOST_STEPS or trained.task.num_agents > 1:
        return None
    maps = _attend(trained.model, *_rows(trained.task, episode))
    return None if maps is None else _between_steps(maps).numpy()


def _rows(task: Task, episode: Episode) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The episode as a batch of one: states, actions, options and its length."""
    states = torch.from_numpy(task.normalize_states(task.select_visible(episode.observations)))[None]
    actions = torch.from_numpy(task.normalize_actions(episode.actions))[None]
    options = torch.from_numpy(episode.options.astype(np.int64))[None]
    return states, actions, options, torch.tensor([episode.length])


@singledispatch
def _predict(
    model: Any, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Predictions (1, T, A) and values (1, T), as far as a family has them."""
    return None, None


@_predict.register
def _(model: MultilayerPerceptron, states: Tensor, *_: Tensor) -> Any:
    return model(states)


@_predict.register
def _(model: ActionTransformer, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> Any:
    return model(states, actions, seq_lens)


@_predict.register
def _(model: HierarchicalTransformer, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> Any:
    return model(states, actions, options, seq_lens)[1], None


@singledispatch
def _attend(model: Any, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> AttentionMaps | None:
    """What each token attends to, where a family attends."""
    return None


@_attend.register
def _(model: ActionTransformer, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor) -> AttentionMaps:
    return model.attention_maps(states, actions, seq_lens)


@_attend.register
def _(
    model: HierarchicalTransformer, states: Tensor, actions: Tensor, options: Tensor, seq_lens: Tensor
) -> AttentionMaps:
    return model.attention_maps(states, actions, options, seq_lens)


def _raw_returns(task: Task, values: np.ndarray) -> np.ndarray:
    return task.scales.return_mean + task.scales.return_std * values


def _between_steps(maps: AttentionMaps) -> Tensor:
    weights, steps = maps.layers[-1][0].mean(0), maps.steps  # (L, L)
    length = int(steps.max()) + 1
    of_step = torch.zeros(len(steps), length).index_add_(1, steps, weights)  # what each token gives to each step
    return of_step[torch.tensor([name == "state" for name in maps.modalities])]  # (T, T)


def _looked_back(maps: AttentionMaps) -> np.ndarray:
    states = _between_steps(maps)
    length = len(states)
    back = torch.zeros(length, LOOKED_BACK)
    for distance in range(min(LOOKED_BACK, length)):
        back[distance:, distance] = states.diagonal(-distance)
    return back.numpy()
