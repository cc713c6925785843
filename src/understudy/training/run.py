"""A training under way.

ValidationMetrics -- what held-out episodes say
Outcome           -- the learning curve, and the validation whose weights are selected
TrainingRun       -- model, optimizer, position in the data
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from understudy.errors import DataError
from understudy.models.family import Family
from understudy.params.training import TrainingParams
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset
from understudy.training import distributed
from understudy.training.learner import Learner
from understudy.training.replay import replay_of
from understudy.training.schedule import warmup_cosine


@dataclass(frozen=True)
class ValidationMetrics:
    """What held-out episodes say.

    Attributes:
        loss: the objective, a mean over their steps.
        terms: the mean of each loss term over the steps that it counts.
        accuracy: share of right actions, told from the losses' predictions (in families with options under the data's, which were
            labelled in hindsight); None where nothing is predicted.
    """

    loss: float
    terms: dict[str, float]
    accuracy: float | None


@dataclass
class Outcome:
    """What a training comes to.

    Attributes:
        curve: a row a validation: step, train_loss, validation_loss, train_TERM and validation_TERM of each loss term, and
            validation_accuracy where actions are predicted.
        selected: the validation whose weights the model holds in the end.
        selected_step: its optimizer step.
    """

    curve: list[dict[str, float]] = field(default_factory=list)
    selected: ValidationMetrics | None = None
    selected_step: int = 0


class TrainingRun:
    """A training under way: everything that changes from one optimizer step to the next, on the device of the model.

    Batches are a pure function of the seed, of their number and of what was learned of those before. Of several processes each
    takes its rows of every batch, and all take the same optimizer steps.

    Args:
        model: a family's module; trained in place.
        dataset: what it learns from.
        params: how.
        seed: one of params.seeds.
    """

    def __init__(
        self, model: Family, dataset: SequenceDataset | MixedDataset, params: TrainingParams, seed: int
    ) -> None:
        self.model, self.params = model, params
        self.learner, self.replay = Learner(model, params, seed), replay_of(dataset, params, seed)
        self.outcome = Outcome()
        self.selected_weights: dict[str, Tensor] = {}
        self.running: list[dict[str, Tensor]] = []
        self.step = 0
        self.finished = False

    def train_step(self) -> None:
        """Take one optimizer step."""
        sample = self.replay.draw()
        factor = warmup_cosine(self.step, warmup_steps=self.params.warmup_steps, total_steps=self.params.steps)
        update = self.learner.update(sample.batch, self.params.learning_rate * factor)
        self.replay.learn(sample, update)
        self.running.append(update.parts)
        self.step += 1

    def record(self, metrics: ValidationMetrics) -> None:
        """Take note of a validation: a row of the curve, which weights to select, whether it is time to stop.

        The last weights are selected, or those with the least loss where `patience` says when to stop early.
        """
        trained = self._losses_since_last_validation()
        _check_finite(metrics.loss, "validation loss", self.step)
        outcome, patience = self.outcome, self.params.patience
        outcome.curve.append({"step": self.step, **_curve_row(trained, metrics)})
        if patience is None or outcome.selected is None or metrics.loss < outcome.selected.loss:
            outcome.selected, outcome.selected_step = metrics, self.step
            self.selected_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        without_better = self.step - outcome.selected_step
        early = patience is not None and without_better >= patience * self.params.evaluate_every
        self.finished = early or self.step >= self.params.steps

    def _losses_since_last_validation(self) -> dict[str, float]:
        """Mean objective and terms over the steps since then, all of which must be finite.

        They are not asked for at every step: the processor would wait for the device, and each process for the others.
        """
        names = list(self.running[0])
        rows = torch.stack([torch.stack([losses[name] for name in names]) for losses in self.running])
        values = distributed.all_reduce_sum(rows).tolist()
        for step, row in enumerate(values, self.step - len(values) + 1):
            _check_finite(row[0], "loss", step)
        self.running = []
        return {name: sum(column) / len(column) for name, column in zip(names, zip(*values, strict=True), strict=True)}


def _curve_row(trained: dict[str, float], metrics: ValidationMetrics) -> dict[str, float]:
    validated = {"loss": metrics.loss} | metrics.terms
    row = {
        f"{split}_{name}": values[name]
        for name in trained
        for split, values in (("train", trained), ("validation", validated))
    }
    return row if metrics.accuracy is None else row | {"validation_accuracy": metrics.accuracy}


def _check_finite(loss: float, name: str, step: int) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"training: expected a finite {name}, got {loss} at step {step}; a smaller learning_rate may help"
        )
