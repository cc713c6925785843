"""Rows for the tests of models: batches of given columns, and playing them step by step.

batch_of(lengths, ...)        -- a batch of columns by name
with_columns(batch, ...)      -- others in their place
steps_of(observations, ...)   -- the steps of whole episodes as a model is told of them
roll_out(model, memory, ...)  -- what it decides at each

B rows, T steps, S state, A action.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from understudy.nn.row_memory import RowMemory
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


def batch_of(
    seq_lens: Tensor,
    *,
    mask: Tensor | None = None,
    value_mask: Tensor | None = None,
    num_agents: int = 1,
    **columns: Tensor,
) -> Batch:
    """A batch of these columns; real steps count where no mask says otherwise, and those that count have known returns."""
    if mask is None:
        mask = torch.arange(columns["observation"].shape[1]) < seq_lens[:, None]
    return Batch(columns, seq_lens, mask, mask if value_mask is None else value_mask, num_agents)


def with_columns(batch: Batch, **columns: Tensor) -> Batch:
    """The same rows with other columns in place of some."""
    return replace(batch, columns=batch.columns | columns)


def steps_of(observations: Tensor, executed: Tensor) -> Iterator[Step[Tensor]]:
    """The T steps of observations (B, T, S), after whichever actions (B, T, ...) were executed before; nothing is paid.

    `executed` is read step by step, so that a caller may fill it in with what was decided.
    """
    rows, steps = observations.shape[:2]
    for time in range(steps):
        previous = executed[:, time - 1] if time else torch.zeros_like(executed[:, 0])
        yield Step(observations[:, time], previous, torch.zeros(rows), torch.full((rows,), time == 0))


def roll_out(
    model: nn.Module,
    memory: RowMemory,
    observations: Tensor,
    executed: Tensor,
    generator: torch.Generator | None = None,
) -> Decision[Tensor]:
    """What is decided at each step of observations (B, T, S) while `executed` (B, T, ...) happens, with an axis T more."""
    decisions = [model.act(memory, step, generator) for step in steps_of(observations, executed)]
    parts = ([getattr(each, name) for each in decisions] for name in ("actions", "options", "predictions"))
    return Decision(*(None if each[0] is None else torch.stack(each, dim=1) for each in parts))
