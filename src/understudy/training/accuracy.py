"""How often a student predicts the held-out actions, step after step as at play; what a training leaves beside its weights.

held_out_accuracy(model, held_out)       -> Accuracy
write_outcome(outcome, accuracy, folder) -- learning_curve.csv and held_out.json
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from understudy.nn.cache import PlayState
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training.run import CURVE_COLUMNS, Outcome, rows_on
from understudy.utils.csvfile import write_csv
from understudy.utils.jsonfile import write_json

MOST_ROWS, MOST_STEPS = 128, 2**18  # held in memory together


@dataclass(frozen=True)
class Accuracy:
    """Shares of right actions: among all steps, and among those whose demonstrated action is not that of the step before.

    A policy that only repeats the last action has none of the latter right. None where there are no such steps.
    """

    all_steps: float
    at_changes: float | None


@torch.inference_mode()
def held_out_accuracy(model: nn.Module, held_out: Sequences) -> Accuracy:
    """Whether the likeliest action is the demonstrated one, while those that were recorded are executed.

    A model with options follows those that it chooses itself. The data's would tell it too much: they were labelled in hindsight,
    from the very actions that are to be predicted.
    """
    device = next(model.parameters()).device
    model.eval()
    longest = int(np.diff(held_out.offsets).max())
    episodes = max(1, min(MOST_ROWS, MOST_STEPS // longest) // held_out.spec.num_agents)
    right, counted = np.zeros(2), np.zeros(2)
    for batch in SequenceDataset(held_out, longest + 1, episodes).in_order():
        chosen = _follow(model, rows_on(batch, slice(None), device), held_out.spec).cpu()
        agree, changes = _agree(held_out.spec, chosen, batch.labels), _changes(held_out.spec, batch)
        right += [int((agree & batch.mask).sum()), int((agree & changes).sum())]
        counted += [int(batch.mask.sum()), int(changes.sum())]
    return Accuracy(float(right[0] / counted[0]), float(right[1] / counted[1]) if counted[1] else None)


def write_outcome(outcome: Outcome, accuracy: Accuracy, folder: Path) -> None:
    """Write learning_curve.csv and held_out.json to an existing folder."""
    write_csv(folder / "learning_curve.csv", CURVE_COLUMNS, outcome.curve)
    held_out = {"loss": outcome.kept.loss, "step": outcome.kept_step}
    held_out |= {"action_accuracy": accuracy.all_steps, "change_accuracy": accuracy.at_changes}
    write_json(folder / "held_out.json", held_out)


def _follow(model: nn.Module, batch: Batch, spec: EnvironmentSpec) -> Tensor:
    """The likeliest action (B, T) or (B, T, A) at each step of whole episodes, after the recorded ones of the steps before."""
    of_agents = (batch.num_agents,) if hasattr(model, "max_num_agents") else ()
    with batch.states.device:
        state = model.new_state(len(batch.states), *of_agents)
    chosen = []
    for observations, executed in zip(batch.states.unbind(1), batch.actions.unbind(1), strict=True):
        if of_agents:
            preds = _step_among_agents(model, state, observations, executed)
        else:
            preds, _ = model.step(state, observations)
        chosen.append(preds.argmax(-1) if spec.discrete_actions else preds)
        model.acted(state, executed)
    played = torch.stack(chosen, dim=1)
    return played if spec.discrete_actions else played.clamp(*played.new_tensor([spec.action_low, spec.action_high]))


def _step_among_agents(model: nn.Module, state: PlayState, observations: Tensor, executed: Tensor) -> Tensor:
    """A step at which each agent sees what those before it have executed, of `executed` (B, ...)."""
    of_each = iter(executed.unflatten(0, (-1, state.group)).unbind(1))
    return model.step(state, observations, lambda preds, log_std: next(of_each))[0]


def _changes(spec: EnvironmentSpec, batch: Batch) -> Tensor:
    """Steps (B, T) that count and demonstrate another action than the step before; an episode's first step is none."""
    changes = torch.zeros_like(batch.mask)
    changes[:, 1:] = ~_agree(spec, batch.labels[:, 1:], batch.labels[:, :-1])
    return changes & batch.mask


def _agree(spec: EnvironmentSpec, actions: Tensor, others: Tensor) -> Tensor:
    return torch.from_numpy(spec.agree(actions.numpy(), others.numpy()))
