"""How often a student predicts the held-out actions, step after step as at play; what a training leaves beside its weights.

held_out_accuracy(model, held_out)       -> Accuracy
write_outcome(outcome, accuracy, folder) -- learning_curve.csv and held_out.json
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.interface import Interface, Task
from understudy.models.family import Family
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.store import Sequences
from understudy.step import Step
from understudy.training.agreement import agree
from understudy.training.run import Outcome
from understudy.utils.csvfile import write_csv
from understudy.utils.jsonfile import write_json

MOST_ROWS, MOST_STEPS = 128, 2**18  # held in memory together
UNTRAINED_COLUMNS = ["step", "train_loss", "validation_loss"]  # of a policy that stays what it starts from
COLUMNS = frozenset({"observation", "action", "label", "reward"})


@dataclass(frozen=True)
class Accuracy:
    """Shares of right actions. A policy that only repeats the last action has none of those at changes right.

    Attributes:
        all_steps: among all steps; of several tasks the mean of theirs.
        at_changes: among those whose demonstrated action is not that of the step before; None where there are none.
        tasks: the same of each of several tasks, by its name.
    """

    all_steps: float
    at_changes: float | None
    tasks: dict[str, "Accuracy"] = field(default_factory=dict)


def held_out_accuracy(model: Family, held_out: Sequences | SequenceMixture) -> Accuracy:
    """Whether the likeliest action is the demonstrated one, while those that were recorded are executed.

    Agents that decide one after the other see, as at play, what those before them have decided at the same step.

    A model with options follows those that it chooses itself. The data's would tell it too much: they were labelled in hindsight,
    from the very actions that are to be predicted.
    """
    if isinstance(held_out, Sequences):
        return _accuracy(model, held_out, held_out.interface, 0)
    numbered = enumerate(zip(held_out.names, held_out.parts, strict=True))
    tasks = {name: _accuracy(model, part, held_out.interface, number) for number, (name, part) in numbered}
    changes = [each.at_changes for each in tasks.values() if each.at_changes is not None]
    everywhere = sum(each.all_steps for each in tasks.values()) / len(tasks)
    return Accuracy(everywhere, sum(changes) / len(changes) if changes else None, tasks)


@torch.inference_mode()
def _accuracy(model: Family, held_out: Sequences, interface: Interface, number: int) -> Accuracy:
    """That of one of the interface's tasks, whose sequences these are."""
    device = next(model.parameters()).device
    model.eval()
    task = held_out.task
    longest = int(np.diff(held_out.offsets).max())
    episodes = max(1, min(MOST_ROWS, MOST_STEPS // longest) // task.num_agents)
    right, counted = np.zeros(2), np.zeros(2)
    for batch in SequenceDataset(held_out, longest + 1, episodes, COLUMNS).in_order():
        chosen = _follow(model, batch.to(device), interface, number)
        same, changes = agree(task, chosen, batch["label"]), _changes(task, batch)
        right += [int((same & batch.mask).sum()), int((same & changes).sum())]
        counted += [int(batch.mask.sum()), int(changes.sum())]
    return Accuracy(float(right[0] / counted[0]), float(right[1] / counted[1]) if counted[1] else None)


def write_outcome(outcome: Outcome, accuracy: Accuracy, folder: Path) -> None:
    """Write learning_curve.csv and held_out.json to an existing folder."""
    columns = list(outcome.curve[0]) if outcome.curve else UNTRAINED_COLUMNS
    write_csv(folder / "learning_curve.csv", columns, (list(row.values()) for row in outcome.curve))
    held_out: dict[str, Any] = {
        "loss": outcome.selected.loss if outcome.selected else None,
        "step": outcome.selected_step,
    }
    held_out |= _shares(accuracy)
    if accuracy.tasks:
        held_out["tasks"] = {name: _shares(each) for name, each in accuracy.tasks.items()}
    write_json(folder / "held_out.json", held_out)


def _shares(accuracy: Accuracy) -> dict[str, float | None]:
    return {"action_accuracy": accuracy.all_steps, "change_accuracy": accuracy.at_changes}


def _follow(model: Family, batch: Batch, interface: Interface, number: int) -> Tensor:
    """The likeliest action (B, T) or (B, T, A) at each step of whole episodes, after the recorded ones of the steps before.

    The rows are of the task of that number, and what comes back is on the CPU.
    """
    observations, executed, rewards = batch["observation"], batch["action"], batch["reward"]
    if len(interface.tasks) > 1:
        observations = torch.from_numpy(interface.pad_states(observations.cpu().numpy())).to(observations.device)
        executed = torch.from_numpy(interface.pad_actions(number, executed.cpu().numpy())).to(observations.device)
    with observations.device:
        memory = model.begin(len(observations))
        memory.task_ids = torch.full((len(observations),), number)
        is_first = torch.ones(len(observations), dtype=torch.bool)
        previous_action, previous_reward = torch.zeros_like(executed[:, 0]), torch.zeros_like(rewards[:, 0])
    chosen = []
    for time in range(observations.shape[1]):
        step = Step(observations[:, time], previous_action, previous_reward, is_first)
        chosen.append(model.act(memory, step).actions)
        previous_action, previous_reward, is_first = executed[:, time], rewards[:, time], torch.zeros_like(is_first)
    return torch.from_numpy(interface.unpad_actions(number, torch.stack(chosen, dim=1).cpu().numpy()))


def _changes(task: Task, batch: Batch) -> Tensor:
    """Steps (B, T) that count and demonstrate another action than the step before; an episode's first step is none."""
    changes = torch.zeros_like(batch.mask)
    changes[:, 1:] = ~agree(task, batch["label"][:, 1:], batch["label"][:, :-1])
    return changes & batch.mask
