"""Policies of every family for the tests of pruning, and what they learn from.

policy_of(case, ...)      -- a policy of a case
kinds_of(case)            -- what its family has that may be left out
same_play(one, other, ..) -- hold that two models of a case decide alike, step by step, and cost alike
"""

import torch
from torch import nn

from tests.models.cases import NUM_OPTIONS, Case, assert_close, build, draw_batch, draw_steps
from tests.models.rows import roll_out
from tests.toys import CONFIGS, OF_TOKENS, tiny_interface
from understudy.policies.files import TrainedPolicy

PERCEPTRONS = ("mlp", "rvs")
KINDS = ("layers", "heads", "units")


def policy_of(case: Case, **config) -> TrainedPolicy:
    """A policy with weights large enough that all of it matters."""
    interface = tiny_interface(case.spec, num_options=NUM_OPTIONS)
    whole = (CONFIGS | OF_TOKENS)[case.name] | dict(case.further) | config
    return TrainedPolicy(build(case, **config), case.name, whole, interface, {"sequences": "0" * 64})


def kinds_of(case: Case) -> tuple[str, ...]:
    return ("units",) if case.name in PERCEPTRONS else KINDS


@torch.no_grad()
def same_play(case: Case, one: nn.Module, other: nn.Module) -> None:
    rows, batch = draw_steps(case), draw_batch(case)
    assert_close(*(roll_out(model, model.begin(case.rows), *rows) for model in (one, other)))
    expected, got = (model.losses(batch, torch.Generator()).terms for model in (one, other))
    for name, term in expected.items():
        torch.testing.assert_close(got[name].mean, term.mean, atol=1e-4, rtol=1e-4)
