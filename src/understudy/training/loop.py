"""The training loop: any model that gives losses for a batch, any sequences.

train(model, training, held_out, params) -> Outcome
judge(model, dataset)                    -> losses and accuracy on held-out episodes

The model comes from outside, on the device that it is to be trained on; what is asked of it is
`losses(batch, generator) -> (terms, action predictions)`. Every term but `value` is a mean over `batch.mask`, a negative
log-likelihood or a squared error; `value` is a mean over `batch.value_mask`. What it draws is one number a step of the batch, or
none.
"""

from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from understudy.errors import ParameterError
from understudy.params import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.training import distributed
from understudy.training.checkpoint import resume, save
from understudy.training.run import Held, Outcome, TrainingRun, imitation_loss, rows_on
from understudy.utils.progress import progress_bar


def train(
    model: nn.Module,
    training: Sequences,
    held_out: Sequences,
    params: TrainingParams,
    name: str,
    checkpoint: Path | None = None,
) -> Outcome:
    """Train `model` in place with AdamW and leave it with its last weights.

    Where `params.patience` is given, training may stop early, and the weights are those that were best on the held-out episodes.

    Args:
        name: of the policy, for messages and the progress bar.
        checkpoint: a file to resume from where it exists, and to write at every look at the held-out episodes. Interrupted and
            resumed, training gives the same weights to the bit. Of several processes the first one writes it.

    Raises:
        DataError: a loss is not finite.
        ParameterError: the model needs other chunks or other sequences than there are.
    """
    torch.set_num_threads(params.threads)
    _check_fits(model, training, params, f"policies.{name}")
    judged = SequenceDataset(held_out, params.chunk_length, params.batch_size, lead=params.chunk_length // 2)
    run = TrainingRun(model, SequenceDataset(training, params.chunk_length, params.batch_size), params)
    if checkpoint is not None:
        resume(run, checkpoint)
    first = distributed.rank() == 0
    with progress_bar(params.steps, name, "batch", shown=first) as bar:
        bar.update(run.step)
        while not run.finished:
            run.advance()
            bar.update()
            if run.step % params.evaluate_every == 0 or run.step == params.steps:
                held = judge(model, judged)
                run.look(held)
                bar.set_postfix_str(f"held-out loss {held.loss:.4f}, accuracy {held.accuracy:.3f}", refresh=False)
                if checkpoint is not None and first:
                    save(run, checkpoint)
    model.load_state_dict(run.kept_weights)
    return run.outcome


def _check_fits(model: nn.Module, training: Sequences, params: TrainingParams, where: str) -> None:
    """Raise a ParameterError where the model needs other chunks or other sequences than there are."""
    if params.chunk_length > getattr(model, "max_seq_len", params.chunk_length):
        raise ParameterError(
            f"training.chunk_length: expected at most max_seq_len = {model.max_seq_len}, got {params.chunk_length}"
        )
    if hasattr(model, "num_options") and training.options is None:
        raise ParameterError(f"{where}.learns_from: expected options, which this family needs, got sequences")
    if getattr(model, "num_options", training.num_options) != training.num_options:
        raise ParameterError(
            f"{where}.num_options: expected options.count = {training.num_options}, got {model.num_options}"
        )


@torch.inference_mode()
def judge(model: nn.Module, dataset: SequenceDataset) -> Held:
    """Losses and accuracy over all steps of a dataset, each counted once; of several processes each judges its batches."""
    device = next(model.parameters()).device
    model.eval()
    loss = value = right = steps = valued = 0
    for batch in islice(dataset.in_order(), distributed.rank(), None, distributed.count()):
        terms, preds = model.losses(rows_on(batch, slice(None), device), torch.Generator())
        count, known = int(batch.mask.sum()), int(batch.value_mask.sum())
        loss += float(imitation_loss(terms)) * count
        value += float(terms["value"]) * known
        right += _right_actions(dataset.sequences, preds.cpu(), batch)
        steps, valued = steps + count, valued + known
    model.train()
    sums = torch.tensor([loss, value, right, steps, valued], dtype=torch.float64, device=device)
    loss, value, right, steps, valued = distributed.total(sums).tolist()
    return Held(loss / steps, value / max(1, valued), right / steps)


def _right_actions(sequences: Sequences, preds: Tensor, batch: Batch) -> float:
    actions = preds.argmax(-1) if sequences.spec.discrete_actions else preds
    agree = torch.from_numpy(sequences.spec.agree(actions.numpy(), batch.labels.numpy()))
    return float((agree & batch.mask).sum())
