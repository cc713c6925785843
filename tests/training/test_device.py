"""Training on a device that is not the CPU, seen without one: on torch's meta device tensors have shapes and no values.

There, an operation that mixes devices is an error, and so is one that waits for a value, which would stop the processor at
every step.
"""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.builders import (
    CHOICES,
    SEVERAL_CHOICES,
    SEVERAL_VECTORS,
    VECTORS,
    by_hand,
    random_actions,
)
from tests.toys import tiny_policy
from tests.training.test_loop import parameters
from understudy.models.family import Losses, LossTerm
from understudy.options.labels import labelled
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training import learner as learner_module
from understudy.training.run import TrainingRun
from understudy.training.steps import training_steps

META = torch.device("meta")
LENGTHS = (60, 7, 90, 1, 40, 33)
FAMILIES = ("mlp", "action_transformer", "hierarchical", "q_transformer")
CASES = [(family, spec) for family in FAMILIES for spec in (CHOICES, VECTORS)]
CASES += [("multi_agent", SEVERAL_CHOICES), ("multi_agent", SEVERAL_VECTORS)]
TOLD_REWARDS = [
    (family, spec)
    for family in ("decision_transformer", "rvs", "trajectory_transformer")
    for spec in (CHOICES, VECTORS)
]


def toy_sequences(spec: EnvironmentSpec, seed: int) -> Sequences:
    """Noise to learn from, with options; some episodes are cut by the clock, so that their returns are not known."""
    generator, lengths = np.random.default_rng(seed), np.repeat(LENGTHS, spec.num_agents)
    steps = sum(lengths)
    cut = np.flatnonzero(np.repeat([True, False, False, True, False, True], spec.num_agents))
    states, actions = generator.normal(size=(steps, spec.state_dim)), random_actions(spec, generator, steps)
    returns, options = generator.normal(size=steps), generator.integers(3, size=steps).astype(np.int16)
    rewards = generator.normal(size=steps)  # drawn last, so that nothing before depends on it
    made = by_hand(spec, states, actions, lengths, rewards=rewards, returns_to_go=returns, truncated=cut)
    return labelled(made, options, options == 1, 3)


def toy_dataset(spec: EnvironmentSpec, columns: frozenset[str]) -> SequenceDataset:
    """Chunks of 16 steps, eight a batch."""
    return SequenceDataset(toy_sequences(spec, 0), 16, 8, columns)


def with_dropout(model: nn.Module) -> nn.Module:
    """The model, which drops half of the past actions where it has a use for them."""
    if hasattr(getattr(model, "options", None), "action_dropout"):
        model.options = replace(model.options, action_dropout=0.5)
    return model


@pytest.fixture(autouse=True)
def without_what_the_meta_device_lacks(monkeypatch):
    """Autocast and the optimizer's fused step."""
    monkeypatch.setattr(learner_module, "autocast", lambda precision, device: contextlib.nullcontext())
    adamw = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *given, fused: adamw(*given))


@pytest.mark.parametrize(("family", "spec"), CASES + TOLD_REWARDS)
def test_an_optimizer_step_stays_on_the_device_and_waits_for_nothing(family, spec):
    model = with_dropout(tiny_policy(family, spec).model.train()).to(META)
    run = TrainingRun(model, toy_dataset(spec, model.reads), parameters(), 0)
    run.train_step()
    run.train_step()
    assert {value.device for losses in run.running for value in losses.values()} == {META}
    assert all(weights.grad.device == META for weights in model.parameters() if weights.grad is not None)


@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter")
@pytest.mark.parametrize(("family", "spec"), CASES + TOLD_REWARDS)
def test_what_is_measured_on_the_steps_goes_to_the_device(family, spec):
    model = tiny_policy(family, spec).model.to(META)
    model.fit(training_steps(toy_sequences(spec, 0)))
    assert {tensor.device for tensor in model.state_dict().values()} <= {META}


class Mixed(nn.Module):
    """Makes a tensor on the CPU, as a model must not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(16))

    def losses(self, batch, generator):
        return Losses({"action": LossTerm((self.weight * torch.ones(16)).sum(), batch.mask)})


def test_a_model_that_mixes_devices_is_found():
    run = TrainingRun(Mixed().to(META), toy_dataset(CHOICES, frozenset({"label"})), parameters(), 0)
    with pytest.raises(RuntimeError, match="device"):
        run.train_step()
