"""Training on a device that is not the CPU, seen without one: on torch's meta device tensors have shapes and no values.

There, an operation that mixes devices is an error, and so is one that waits for a value, which would stop the processor at
every step.
"""

import contextlib
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.builders import (
    CHOICES,
    SEVERAL_CHOICES,
    SEVERAL_VECTORS,
    SPECS,
    VECTORS,
    in_random_states,
    random_actions,
    with_columns,
)
from tests.toys import tiny_policy
from tests.training.test_loop import parameters
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training import run as run_module
from understudy.training.run import TrainingRun, rows_on

META = torch.device("meta")
LENGTHS = (60, 7, 90, 1, 40, 33)
FAMILIES = ("mlp", "action_transformer", "hierarchical")
CASES = [(family, spec) for family in FAMILIES for spec in (CHOICES, VECTORS)]
CASES += [("multi_agent", SEVERAL_CHOICES), ("multi_agent", SEVERAL_VECTORS)]


def toy_sequences(spec: EnvironmentSpec, seed: int) -> Sequences:
    """Noise to learn from, with options; some episodes are cut by the clock, so that their returns are not known."""
    generator, lengths = np.random.default_rng(seed), np.repeat(LENGTHS, spec.num_agents)
    actions = random_actions(spec, generator, sum(lengths))
    made = in_random_states(spec, actions, lengths, seed)
    options = generator.integers(3, size=sum(lengths)).astype(np.int16)
    returns = generator.normal(size=sum(lengths)).astype(np.float32)
    labels = {"options": options, "terminations": options == 1, "num_options": 3}
    cut = np.repeat([True, False, False, True, False, True], spec.num_agents)
    return replace(with_columns(made, returns_to_go=returns), truncated=cut, **labels)


@pytest.fixture(autouse=True)
def without_what_the_meta_device_lacks(monkeypatch):
    """Autocast and the optimizer's fused step."""
    monkeypatch.setattr(run_module, "autocast", lambda precision, device: contextlib.nullcontext())
    adamw = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *given, fused: adamw(*given))


@pytest.mark.parametrize(("family", "spec"), CASES)
def test_an_optimizer_step_stays_on_the_device_and_waits_for_nothing(family, spec):
    model = tiny_policy(family, spec).model.train().to(META)
    model.action_dropout = 0.5
    run = TrainingRun(model, SequenceDataset(toy_sequences(spec, 0), 16, 8), parameters())
    run.advance()
    run.advance()
    assert [losses.device for losses in run.running] == [META, META]
    assert all(weights.grad.device == META for weights in model.parameters() if weights.grad is not None)


@pytest.mark.parametrize("spec", SPECS)
def test_rows_of_a_batch_are_cut_and_moved_whole(spec):
    batch = next(SequenceDataset(toy_sequences(spec, 0), 16, 8).in_order())
    own = rows_on(batch, slice(2, 5), torch.device("cpu"))
    moved = rows_on(batch, slice(2, 5), META)
    there = [field for field in fields(batch) if isinstance(getattr(batch, field.name), torch.Tensor)]
    assert len(there) == 9
    for field in there:
        assert torch.equal(getattr(own, field.name), getattr(batch, field.name)[2:5]), field.name
        assert getattr(moved, field.name).device == META
        assert getattr(moved, field.name).shape == getattr(own, field.name).shape


def test_what_a_batch_does_not_have_it_has_on_no_device():
    sequences = replace(toy_sequences(CHOICES, 0), options=None, terminations=None)
    batch = next(SequenceDataset(sequences, 16, 8).in_order())
    assert rows_on(batch, slice(2, 5), META).options is None


class Mixed(nn.Module):
    """Makes a tensor on the CPU, as a model must not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(16))

    def losses(self, batch, generator):
        loss = (self.weight * torch.ones(16)).sum()
        return {"action": loss, "value": loss}, loss


def test_a_model_that_mixes_devices_is_found():
    run = TrainingRun(Mixed().to(META), SequenceDataset(toy_sequences(CHOICES, 0), 16, 8), parameters())
    with pytest.raises(RuntimeError, match="device"):
        run.advance()
