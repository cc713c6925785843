"""The training loop: any model that gives losses for a batch, any sequences.

train(model, training, held_out, params) -> Outcome
judge(model, dataset)                    -> losses and accuracy on held-out episodes

The model comes from outside; what is asked of it is `losses(batch, generator) -> (terms, action predictions)`. Every term but
`value` is a negative log-likelihood.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from understudy.errors import DataError, ParameterError
from understudy.params import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.training.precision import autocast, resolve_precision
from understudy.training.schedule import warmup_cosine
from understudy.utils.progress import progress_bar

CURVE_COLUMNS = ("step", "train_nll", "train_value", "validation_nll", "validation_value", "validation_accuracy")


@dataclass(frozen=True)
class Held:
    """What held-out episodes say: nll in nats a step, value in squared standard deviations, share of right actions."""

    nll: float
    value: float
    accuracy: float


@dataclass
class Outcome:
    """The curve's rows, as CURVE_COLUMNS, and the best look at the held-out episodes; the model holds its weights."""

    curve: list[tuple] = field(default_factory=list)
    best: Held | None = None
    best_step: int = 0


def train(model: nn.Module, training: Sequences, held_out: Sequences, params: TrainingParams, title: str) -> Outcome:
    """Train `model` in place with AdamW and leave it with the weights that were best on the held-out episodes.

    Raises:
        DataError: a loss is not finite.
        ParameterError: chunks are longer than the rows that the model accepts.
    """
    torch.set_num_threads(params.threads)
    if params.chunk_length > getattr(model, "max_seq_len", params.chunk_length):
        raise ParameterError(
            f"training.chunk_length: expected at most max_seq_len = {model.max_seq_len}, got {params.chunk_length}"
        )
    dataset = SequenceDataset(training, params.chunk_length, params.batch_size)
    judged = SequenceDataset(held_out, params.chunk_length, params.batch_size, lead=params.chunk_length // 2)
    optimizer = torch.optim.AdamW(_weight_groups(model, params.weight_decay), lr=params.learning_rate)
    generator = torch.Generator().manual_seed(params.seed)
    outcome, best_weights, running = Outcome(), None, []
    batches = _endless(dataset, params.seed)
    with progress_bar(params.steps, title, "batch") as bar:
        for step in range(params.steps):
            factor = warmup_cosine(step, warmup_steps=params.warmup_steps, total_steps=params.steps)
            for group in optimizer.param_groups:
                group["lr"] = params.learning_rate * factor
            running.append(_update(model, optimizer, next(batches), generator, params, step))
            bar.update()
            if (step + 1) % params.evaluate_every and step + 1 < params.steps:
                continue
            held = judge(model, judged)
            _check_finite(held.nll, "held-out loss", step)
            outcome.curve.append((step + 1, *_means(running), held.nll, held.value, held.accuracy))
            running = []
            bar.set_postfix_str(f"held-out nll {held.nll:.4f}, accuracy {held.accuracy:.3f}", refresh=False)
            if outcome.best is None or held.nll < outcome.best.nll:
                outcome.best, outcome.best_step = held, step + 1
                best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            elif step + 1 - outcome.best_step >= params.patience * params.evaluate_every:
                break
    model.load_state_dict(best_weights)
    return outcome


@torch.inference_mode()
def judge(model: nn.Module, dataset: SequenceDataset) -> Held:
    """Losses and accuracy over all steps of a dataset, each counted once."""
    model.eval()
    nll = value = right = steps = valued = 0
    for batch in dataset.in_order():
        terms, preds = model.losses(batch, torch.Generator())
        count, known = int(batch.mask.sum()), int(batch.value_mask.sum())
        nll += float(_nll(terms)) * count
        value += float(terms["value"]) * known
        right += _right_actions(dataset.sequences, preds, batch)
        steps, valued = steps + count, valued + known
    model.train()
    return Held(nll / steps, value / max(1, valued), right / steps)


def _right_actions(sequences: Sequences, preds: Tensor, batch: Batch) -> float:
    actions = preds.argmax(-1) if sequences.spec.discrete_actions else preds
    agree = torch.from_numpy(sequences.spec.agree(actions.numpy(), batch.labels.numpy()))
    return float((agree & batch.mask).sum())


def _nll(terms: dict[str, Tensor]) -> Tensor:
    return sum(term for name, term in terms.items() if name != "value")


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    generator: torch.Generator,
    params: TrainingParams,
    step: int,
) -> tuple[float, float]:
    """One optimizer step; returns its negative log-likelihood and its value loss."""
    with autocast(resolve_precision(params.precision)):
        terms, _ = model.losses(batch, generator)
    nll, value = _nll(terms), terms["value"]
    loss = nll + params.value_weight * value
    _check_finite(loss.item(), "loss", step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), params.max_grad_norm)
    optimizer.step()
    return float(nll.detach()), float(value.detach())


def _check_finite(loss: float, name: str, step: int) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"training: expected a finite {name}, got {loss} at step {step + 1}; a smaller learning_rate may help"
        )


def _endless(dataset: SequenceDataset, seed: int) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from dataset.shuffled(seed, epoch)
        epoch += 1


def _weight_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Decay the matrices; leave biases and norms, which are vectors, alone."""
    matrices = [weights for weights in model.parameters() if weights.ndim >= 2]
    vectors = [weights for weights in model.parameters() if weights.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _means(losses: list[tuple[float, float]]) -> tuple[float, float]:
    nlls, values = zip(*losses, strict=True)
    return sum(nlls) / len(nlls), sum(values) / len(values)
