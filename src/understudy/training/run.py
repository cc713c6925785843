"""A training under way.

Held        -- what held-out episodes say
Outcome     -- the learning curve and the look whose weights are kept
TrainingRun -- model, optimizer, position in the data
rows_on     -- rows of a batch on the device of a model
"""

import math
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import Tensor, nn

from understudy.errors import DataError
from understudy.params import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.training import distributed
from understudy.training.schedule import warmup_cosine
from understudy.utils.precision import autocast, resolve_precision

CURVE_COLUMNS = ("step", "train_loss", "train_value", "validation_loss", "validation_value", "validation_accuracy")


@dataclass(frozen=True)
class Held:
    """What held-out episodes say: `imitation_loss` a step, value in squared standard deviations, share of right actions.

    Predictions are those of the losses: in families with options under the data's, which were labelled in hindsight.
    """

    loss: float
    value: float
    accuracy: float


@dataclass
class Outcome:
    """The curve's rows, as CURVE_COLUMNS, and the look at the held-out episodes whose weights the model holds."""

    curve: list[tuple] = field(default_factory=list)
    kept: Held | None = None
    kept_step: int = 0


class TrainingRun:
    """A training under way: everything that changes from one optimizer step to the next, on the device of the model.

    Batches are a pure function of the seed, the epoch and the number of batches taken in it. Of several processes each takes
    its rows of every batch, and all take the same optimizer steps.
    """

    def __init__(self, model: nn.Module, dataset: SequenceDataset, params: TrainingParams) -> None:
        self.model, self.dataset, self.params = model, dataset, params
        self.device = next(model.parameters()).device
        self.precision = resolve_precision(params.precision, self.device)
        self.optimizer = torch.optim.AdamW(_weight_groups(model, params.weight_decay), params.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(params.seed)
        self.losses = distributed.averaged_over_processes(model)
        self.outcome = Outcome()
        self.kept_weights: dict[str, Tensor] = {}
        self.running: list[Tensor] = []
        self.step = 0
        self.finished = False
        self.start_epoch(0)

    def start_epoch(self, epoch: int, batches_taken: int = 0) -> None:
        """Go on with the batches of an epoch after the first few."""
        self.epoch, self.batches_taken = epoch, batches_taken
        self._batches = islice(self.dataset.shuffled(self.params.seed, epoch), batches_taken, None)

    def advance(self) -> None:
        """Take one optimizer step."""
        batch = next(self._batches, None)
        if batch is None:
            self.start_epoch(self.epoch + 1)
            batch = next(self._batches)
        self.batches_taken += 1
        factor = warmup_cosine(self.step, warmup_steps=self.params.warmup_steps, total_steps=self.params.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.learning_rate * factor
        self.running.append(self._update(batch))
        self.step += 1

    def look(self, held: Held) -> None:
        """Take note of the held-out episodes: a row of the curve, which weights to keep, whether it is time to stop.

        The last weights are kept, or those with the least held-out loss where `patience` says when to stop early.
        """
        losses = self._losses_since_last_look()
        _check_finite(held.loss, "held-out loss", self.step)
        outcome, patience = self.outcome, self.params.patience
        outcome.curve.append((self.step, *_means(losses), held.loss, held.value, held.accuracy))
        if patience is None or outcome.kept is None or held.loss < outcome.kept.loss:
            outcome.kept, outcome.kept_step = held, self.step
            self.kept_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        without_better = self.step - outcome.kept_step
        early = patience is not None and without_better >= patience * self.params.evaluate_every
        self.finished = early or self.step >= self.params.steps

    def _update(self, batch: Batch) -> Tensor:
        """Take one optimizer step; returns this process's part of the batch's `imitation_loss` and value loss, (2,)."""
        params, length = self.params, batch.mask.shape[1]
        rows = distributed.own_rows(len(batch.mask), batch.num_agents)
        counted, valued = (_share(mask, rows) for mask in (batch.mask, batch.value_mask))
        _skip(self.generator, rows.start * length)
        with autocast(self.precision, self.device):
            terms = self.losses(rows_on(batch, rows, self.device), self.generator)
        _skip(self.generator, (len(batch.mask) - rows.stop) * length)
        loss, value = imitation_loss(terms) * counted, terms["value"] * valued
        self.optimizer.zero_grad(set_to_none=True)
        # The gradient of the whole batch's loss is the processes' sum, and what they are given is the mean.
        (distributed.count() * (loss + params.value_weight * value)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), params.max_grad_norm)
        self.optimizer.step()
        return torch.stack([loss.detach(), value.detach()])

    def _losses_since_last_look(self) -> list[tuple[float, float]]:
        """`imitation_loss` and value loss of each step, all finite.

        They are not asked for at every step: the processor would wait for the device, and each process for the others.
        """
        losses = [tuple(row) for row in distributed.total(torch.stack(self.running)).tolist()]
        for step, (loss, value) in enumerate(losses, self.step - len(losses) + 1):
            _check_finite(loss + self.params.value_weight * value, "loss", step)
        self.running = []
        return losses


def rows_on(batch: Batch, rows: slice, device: torch.device) -> Batch:
    """Rows of a batch on a device. The copy to a CUDA device is from pinned memory, so that nothing waits for it."""
    own = batch.rows(rows).tensors()
    if device.type == "cuda":
        own = {name: tensor.pin_memory() for name, tensor in own.items()}
    return replace(batch, **{name: tensor.to(device, non_blocking=True) for name, tensor in own.items()})


def imitation_loss(terms: dict[str, Tensor]) -> Tensor:
    """The sum of a model's loss terms but for the value's; in nats a step, but where a term is a squared error."""
    return sum(term for name, term in terms.items() if name != "value")


def _share(mask: Tensor, rows: slice) -> float:
    """The part of the steps that count which lies in these rows."""
    return int(mask[rows].sum()) / max(1, int(mask.sum()))


def _skip(generator: torch.Generator, numbers: int) -> None:
    """Leave out what the rows of other processes draw, one number a step, so that each row's draws are those of one process."""
    torch.rand(numbers, generator=generator)


def _check_finite(loss: float, name: str, step: int) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"training: expected a finite {name}, got {loss} at step {step}; a smaller learning_rate may help"
        )


def _weight_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Decay the matrices; leave biases and norms, which are vectors, alone."""
    matrices = [weights for weights in model.parameters() if weights.ndim >= 2]
    vectors = [weights for weights in model.parameters() if weights.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _means(losses: list[tuple[float, float]]) -> tuple[float, float]:
    imitation, values = zip(*losses, strict=True)
    return sum(imitation) / len(imitation), sum(values) / len(values)
