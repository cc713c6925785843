"""The training loop: any family, any sequences that have the columns which it reads.

train(model, training, held_out, params, ...) -> Outcome
learned_from(model, training, params, ...)    -- the batches that it learns from
validate(model, dataset)                      -> losses and accuracy on held-out episodes
check_fits(model, training, params, where)    -- whether the model can learn from such chunks
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.models.family import Family
from understudy.nn.heads import greedy_actions
from understudy.params.training import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset, SequenceMixture
from understudy.sequences.returns import best_episodes
from understudy.sequences.store import Sequences
from understudy.training import distributed
from understudy.training.agreement import agree
from understudy.training.checkpoint import resume, save
from understudy.training.run import Outcome, TrainingRun, ValidationMetrics
from understudy.training.steps import training_steps
from understudy.utils.progress import progress_bar

Dataset = SequenceDataset | MixedDataset


def train(
    model: Family,
    training: Sequences | SequenceMixture,
    held_out: Sequences | SequenceMixture,
    params: TrainingParams,
    *,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
    best_returns: float | None = None,
    weights: Mapping[str, Tensor] | None = None,
    on_validation: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Train `model` in place with AdamW and leave it with its last weights.

    Where `params.patience` is given, training may stop early, and the weights are those that were best on the held-out episodes.

    Args:
        model: on the device that it is to be trained on.
        training: what it learns from, of one task or of several.
        held_out: what it is validated on.
        params: how it learns.
        seed: of the order of the data and of action dropout, one of params.seeds.
        name: of the policy, for messages and the progress bar.
        checkpoint: a file to resume from where it exists, and to write at every validation. Interrupted and resumed, training
            gives the same weights to the bit. Of several processes the first one writes it.
        best_returns: share of the training episodes, of each task those with the highest returns, that it learns from; None for
            all. It is validated on all held-out episodes.
        weights: all of the model's, from which it starts; None for those that it has.
        on_validation: told after every validation how it has gone so far; an exception of its own ends the training.

    Raises:
        DataError: a loss is not finite.
        ParameterError: the model needs shorter or longer chunks, or sequences with other columns, than there are.
    """
    torch.set_num_threads(params.threads)
    check_fits(model, training, params, f"policies.{name}")
    model.fit(training_steps(training))
    if weights is not None:
        model.load_state_dict(weights)
    half = min(params.chunk_length // 2, params.chunk_length - model.look_ahead - 1)
    validation = _dataset(model, held_out, params, max(model.burn_in, half), None)
    run = TrainingRun(model, learned_from(model, training, params, best_returns), params, seed)
    if checkpoint is not None:
        resume(run, checkpoint)
    _take_steps(run, validation, name, checkpoint, on_validation)
    model.load_state_dict(run.selected_weights)
    return run.outcome


def _take_steps(
    run: TrainingRun,
    validation: Dataset,
    name: str,
    checkpoint: Path | None,
    on_validation: Callable[[Outcome], None] | None,
) -> None:
    """Take the steps that are left; at every so many, and at the last, validate, save, and tell how it has gone."""
    params, first = run.params, distributed.rank() == 0
    with progress_bar(params.steps, name, "batch", shown=first) as bar:
        bar.update(run.step)
        while not run.finished:
            run.train_step()
            bar.update()
            if run.step % params.evaluate_every == 0 or run.step == params.steps:
                metrics = validate(run.model, validation)
                run.record(metrics)
                bar.set_postfix_str(_described(metrics), refresh=False)
                if checkpoint is not None and first:
                    save(run, checkpoint)
                if on_validation is not None:
                    on_validation(run.outcome)


def learned_from(
    model: Family, training: Sequences | SequenceMixture, params: TrainingParams, best_returns: float | None
) -> Dataset:
    """Chunks of the training episodes, all or the share of them with the highest returns."""
    return _dataset(model, training, params, model.burn_in, best_returns)


def _dataset(
    model: Family,
    sequences: Sequences | SequenceMixture,
    params: TrainingParams,
    burn_in: int,
    best_returns: float | None,
) -> Dataset:
    if isinstance(sequences, SequenceMixture):
        of_tasks = (_dataset(model, part, params, burn_in, best_returns) for part in sequences.parts)
        return MixedDataset(sequences, tuple(part for part in of_tasks if isinstance(part, SequenceDataset)))
    size = (params.chunk_length, params.batch_size, model.reads, burn_in, model.look_ahead)
    if best_returns is None:
        return SequenceDataset(sequences, *size)
    returns = sequences.returns_to_go[sequences.offsets[:-1]]
    best = best_episodes(returns, sequences.spec.num_agents, best_returns)
    return SequenceDataset(sequences, *size, best)


def _described(metrics: ValidationMetrics) -> str:
    accuracy = "" if metrics.accuracy is None else f", accuracy {metrics.accuracy:.3f}"
    return f"validation loss {metrics.loss:.4f}{accuracy}"


def check_fits(model: Family, training: Sequences | SequenceMixture, params: TrainingParams, where: str) -> None:
    """Raise a ParameterError where the model needs shorter or longer chunks, or other columns, than there are."""
    if model.max_seq_len is not None and params.chunk_length > model.max_seq_len:
        raise ParameterError(
            f"training.chunk_length: expected at most max_seq_len = {model.max_seq_len}, got {params.chunk_length}"
        )
    if params.chunk_length <= model.burn_in + model.look_ahead:
        ahead = f" and the {model.look_ahead} that it looks ahead to" if model.look_ahead else ""
        raise ParameterError(
            f"training.chunk_length: expected more than the {model.burn_in} steps that {where} looks back on{ahead}, "
            f"got {params.chunk_length}"
        )
    missing = sorted(model.reads - training.columns)
    if missing:
        raise ParameterError(
            f"{where}.family: expected sequences with a column {missing[0]!r}, which it reads, got none"
        )


@torch.inference_mode()
def validate(model: Family, dataset: Dataset) -> ValidationMetrics:
    """Losses and accuracy over all steps of a dataset, each counted once; of several processes each takes its rows of a batch."""
    device = next(model.parameters()).device
    model.eval()
    weights: dict[str, float] = {}
    sums: dict[str, Tensor] = {}  # (2,) by term: its sum over the steps, and of how many
    right = torch.zeros(2, dtype=torch.float64)  # right actions, and of how many
    for batch in dataset.in_order():
        own = batch.rows(distributed.shard(len(batch.mask), batch.num_agents))
        losses = model.losses(own.to(device), torch.Generator())
        for name, term in losses.terms.items():
            count = int(term.mask.sum())
            weights[name] = term.weight
            part = torch.tensor([float(term.mean) * count, count], dtype=torch.float64)
            sums[name] = sums.get(name, torch.zeros(2, dtype=torch.float64)) + part
        if losses.predictions is not None:
            right += torch.tensor(
                [_right_actions(dataset.interface, losses.predictions.cpu(), own), int(own.mask.sum())]
            )
    model.train()
    everything = distributed.all_reduce_sum(torch.stack([*sums.values(), right]).to(device)).tolist()
    means = {name: total / max(1.0, count) for name, (total, count) in zip(sums, everything, strict=False)}
    loss = sum(weights[name] * mean for name, mean in means.items())
    return ValidationMetrics(loss, means, everything[-1][0] / everything[-1][1] if everything[-1][1] else None)


def _right_actions(interface: Interface, preds: Tensor, batch: Batch) -> int:
    tasks, right = batch.columns.get("task"), 0
    for number, task in enumerate(interface.tasks):
        own = slice(None) if tasks is None else tasks == number
        actions = greedy_actions(preds[own, :, : task.action_dim], task.discrete_actions)
        labels = torch.from_numpy(interface.unpad_actions(number, batch["label"][own].numpy()))
        right += int((agree(task, actions, labels) & batch.mask[own]).sum())
    return right
