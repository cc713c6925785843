"""Matrices of eight bits: nearly the same decisions, from the same calls."""

import pytest
import torch

from tests.builders import CHOICES
from tests.models.cases import LEARNING, Case, draw_steps
from tests.models.rows import roll_out
from tests.pruning.policies import policy_of
from understudy.pruning.int8 import Int8Linear, with_int8


@pytest.mark.parametrize("case", [case for case in LEARNING if case.spec is CHOICES], ids=str)
@torch.inference_mode()
def test_every_family_plays_with_them(case: Case):
    policy = policy_of(case)
    rows = draw_steps(case)
    before = roll_out(policy.model, policy.model.begin(case.rows), *rows)
    quantised = with_int8(policy).model
    assert not any(type(module) is torch.nn.Linear for module in quantised.modules())
    after = roll_out(quantised, quantised.begin(case.rows), *rows)
    assert after.actions.shape == before.actions.shape
    again = roll_out(policy.model, policy.model.begin(case.rows), *rows)
    assert torch.equal(again.actions, before.actions)  # the policy itself stays as it is


@torch.inference_mode()
def test_a_layer_is_the_one_it_stands_for_but_for_rounding():
    policy = policy_of(Case("mlp", CHOICES))
    layer, x = with_int8(policy).model.body[0], torch.randn(20, 3)
    assert isinstance(layer, Int8Linear) and layer.weight.dtype == torch.float32
    exact = policy.model.body[0](x)
    error = (layer(x) - exact).abs().max() / exact.abs().max()
    assert 0 < error < 0.03
