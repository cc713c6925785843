"""Every family and demonstrator that the registry knows, built as the pipeline builds it, with random batches and steps for each.

LEARNING, PLAYING              -- families and what they learn in, and with them the demonstrators
ATTENDING                      -- of these, families with a kind of linear attention each
each_learning, each_playing    -- a test for each of these
build(case)                    -- the model
draw_batch(case)               -- random columns of rows of different lengths
draw_steps(case)               -- observations, and actions that were executed
"""

import inspect
from dataclasses import dataclass, fields, replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from tests.builders import CHOICES, SEVERAL_CHOICES, SEVERAL_VECTORS, VECTORS
from tests.models.rows import batch_of
from tests.toys import CONFIGS, OF_TOKENS, tiny_interface
from understudy.models.registry import DEMONSTRATORS, family_names, load_family
from understudy.nn.trunk import Attention
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.sequences.columns import BATCH_COLUMNS
from understudy.spec import EnvironmentSpec
from understudy.step import Decision

SPREAD = EnvironmentSpec("simple_spread", {}, tuple(f"x{i}" for i in range(14)), 5, None, None, None, num_agents=3)
FORCES = replace(SPREAD, num_actions=None, action_low=(0.0,) * 5, action_high=(1.0,) * 5)
SCRIPT = {"stopping_distance": 0.5, "tolerance": 0.1}
ENVIRONMENTS, STEPS, NUM_OPTIONS = 3, 7, 3


@dataclass(frozen=True)
class Case:
    """A family or demonstrator, what it acts in, and what more its config says."""

    name: str
    spec: EnvironmentSpec
    further: tuple[tuple[str, object], ...] = ()  # of its config, where a family is tried in several forms

    @property
    def agents(self) -> int:
        return self.spec.num_agents

    @property
    def attention(self) -> object:
        return dict(self.further).get("attention", "softmax")

    @property
    def rows(self) -> int:
        return ENVIRONMENTS * self.agents

    @property
    def varies(self) -> bool:
        """Whether actions can be drawn: a script leaves nothing to chance, nor does an expert of vectors."""
        return self.name not in DEMONSTRATORS or (self.name == "expert" and self.spec.discrete_actions)

    def __str__(self) -> str:
        kind = "choices" if self.spec.discrete_actions else "vectors"
        settings = (str(value) for _, value in self.further if value is not None)
        return "-".join([self.name, *settings, kind, "of", str(self.agents)])


ALL_SPECS = (CHOICES, VECTORS, SEVERAL_CHOICES, SEVERAL_VECTORS)
OF_DEMONSTRATORS = {"scripted": SCRIPT, "function": {"name": "math:sqrt"}}


def takes_attention(name: str) -> bool:
    """Whether the family's constructor has the trunk's option `attention`."""
    family = load_family(name)
    kinds = {each.kind for each in inspect.signature(family).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds and "attention" in {each.name for each in fields(family.Options)}


FINE = [Case("generalist", spec, (("tokens", "fine"), ("num_bins", 12))) for spec in (CHOICES, SEVERAL_VECTORS)]
LINEAR = [kind for kind in get_args(Attention) if kind != "softmax"]
ATTENDING = [
    Case(name, spec, (("attention", kind), ("context", None)))
    for name in filter(takes_attention, family_names())
    for kind, spec in zip(LINEAR, (CHOICES, SEVERAL_CHOICES if name in OF_TOKENS else SEVERAL_VECTORS), strict=True)
]
LEARNING = [
    *(
        Case(name, spec)
        for name in family_names()
        for spec in ALL_SPECS
        if spec.discrete_actions or name not in OF_TOKENS
    ),
    *FINE,
    *ATTENDING,
]
PLAYING = [
    *LEARNING,
    *(Case("expert", spec) for spec in (CHOICES, VECTORS)),
    *(Case("scripted", spec) for spec in (SPREAD, FORCES)),
]
each_learning = pytest.mark.parametrize("case", LEARNING, ids=str)
each_playing = pytest.mark.parametrize("case", PLAYING, ids=str)


def build(case: Case, seed: int = 0, **config) -> nn.Module:
    """A model with weights large enough that its actions depend on all that it is told."""
    torch.manual_seed(seed)
    config = (CONFIGS | OF_TOKENS | OF_DEMONSTRATORS).get(case.name, {}) | dict(case.further) | config
    model = build_model(case.name, config, tiny_interface(case.spec, num_options=NUM_OPTIONS), case.name)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    return model.eval()


def draw_actions(spec: EnvironmentSpec, *shape: int) -> Tensor:
    return (
        torch.randint(spec.action_dim, shape) if spec.discrete_actions else 2 * torch.rand(*shape, spec.action_dim) - 1
    )


def draw_batch(case: Case, names: frozenset[str] | None = None) -> Batch:
    """Random columns of these names, None for those that the family reads, of environments of 7, 4 and 1 steps.

    The first step of the first one does not count, and the returns of the second are not known.
    """
    torch.manual_seed(1)
    rows, state_dim = case.rows, case.spec.state_dim
    seq_lens = torch.tensor([7, 4, 1]).repeat_interleave(case.agents)
    environment = torch.arange(ENVIRONMENTS).repeat_interleave(case.agents)[:, None]
    mask = (torch.arange(STEPS) < seq_lens[:, None]) & ((environment != 0) | (torch.arange(STEPS) > 0))
    columns = {
        "observation": torch.randn(rows, STEPS, state_dim),
        "action": draw_actions(case.spec, rows, STEPS),
        "label": draw_actions(case.spec, rows, STEPS),
        "reward": torch.randn(rows, STEPS),
        "return_to_go": torch.randn(rows, STEPS),
        "terminated": torch.arange(STEPS) == seq_lens[:, None] - 1,
        "truncated": (torch.arange(STEPS) == seq_lens[:, None] - 1) & (environment == 1),
        "final_observation": torch.randn(rows, state_dim),
        "agent": torch.arange(case.agents).repeat(ENVIRONMENTS),
        "task": torch.zeros(rows, dtype=torch.int64),
        "option": torch.randint(NUM_OPTIONS, (rows, STEPS)),
        "termination": torch.rand(rows, STEPS) < 0.4,
        "prompt_observation": torch.randn(rows, STEPS, state_dim),
        "prompt_action": draw_actions(case.spec, rows, STEPS),
        "prompt_length": torch.full((rows,), STEPS),
        "first_step": torch.zeros(rows, dtype=torch.int64),
    }
    assert columns.keys() == set(BATCH_COLUMNS)
    names = load_family(case.name).reads if names is None else names
    known = mask & (environment != 1)
    batch = batch_of(seq_lens, mask=mask, value_mask=known, num_agents=case.agents, **columns)
    return replace(batch, columns={name: column for name, column in columns.items() if name in names})


def draw_steps(case: Case, steps: int = STEPS, seed: int = 2) -> tuple[Tensor, Tensor]:
    """Observations (B, T, S) and executed actions (B, T, ...)."""
    torch.manual_seed(seed)
    return torch.randn(case.rows, steps, case.spec.state_dim), draw_actions(case.spec, case.rows, steps)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensors_of(decision: Decision) -> list[Tensor]:
    return [part for part in vars(decision).values() if part is not None]


def assert_close(one: Decision, other: Decision) -> None:
    for part, same in zip(tensors_of(one), tensors_of(other), strict=True):
        torch.testing.assert_close(part, same, atol=2e-5, rtol=2e-5)
