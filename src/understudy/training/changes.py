"""Accuracy where it cannot be had by copying: on the held-out steps at which the demonstrated action changes."""

import torch
from torch import Tensor, nn

from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training.run import rows_on


@torch.inference_mode()
def change_accuracy(model: nn.Module, held_out: Sequences, chunk_length: int, batch_size: int) -> float | None:
    """Share of right actions among the steps whose demonstrated action is not that of the step before; None without such steps.

    A policy that only repeats the last action has none of them right, however high its accuracy over all steps.
    """
    device = next(model.parameters()).device
    model.eval()
    right = steps = 0
    for batch in SequenceDataset(held_out, chunk_length, batch_size, lead=chunk_length // 2).in_order():
        _, preds = model.losses(rows_on(batch, slice(None), device), torch.Generator())
        chosen = preds.argmax(-1) if held_out.spec.discrete_actions else preds
        changes = _changes(held_out.spec, batch)
        right += int((changes & _agree(held_out.spec, chosen.cpu(), batch.labels)).sum())
        steps += int(changes.sum())
    return right / steps if steps else None


def _changes(spec: EnvironmentSpec, batch: Batch) -> Tensor:
    """Steps (B, T) that count and demonstrate another action than the step before; an episode's first step is none."""
    changes = torch.zeros_like(batch.mask)
    changes[:, 1:] = ~_agree(spec, batch.labels[:, 1:], batch.labels[:, :-1])
    return changes & batch.mask


def _agree(spec: EnvironmentSpec, actions: Tensor, others: Tensor) -> Tensor:
    return torch.from_numpy(spec.agree(actions.numpy(), others.numpy()))
