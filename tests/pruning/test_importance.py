"""Importance, against gates that are really there: outputs multiplied by ones of which gradients are asked."""

import torch

from tests.builders import CHOICES
from tests.models.cases import Case, draw_batch
from tests.pruning.policies import policy_of
from understudy.pruning.importance import importance
from understudy.pruning.structured import find_layers

DECODER = Case("action_transformer", CHOICES)


def test_it_is_the_mean_square_of_the_gates_gradients():
    policy = policy_of(DECODER)
    batches = [draw_batch(DECODER), draw_batch(DECODER)]
    batches[1].columns["observation"].neg_()
    got = importance(policy.model, find_layers(policy, "units", "here"), batches)
    for block, scores in zip(policy.model.trunk.blocks, got, strict=True):
        gate = torch.ones(16, requires_grad=True)
        hook = block.down_proj.register_forward_pre_hook(lambda module, inputs, gate=gate: (inputs[0] * gate,))
        squares = [
            torch.autograd.grad(policy.model.losses(each, torch.Generator()).objective(), gate)[0].square()
            for each in batches
        ]
        hook.remove()
        torch.testing.assert_close(scores, torch.stack(squares).mean(0).double(), rtol=1e-4, atol=1e-9)
        assert scores.min() > 0


def test_a_heads_is_of_all_its_width_together():
    policy = policy_of(DECODER)
    batch = draw_batch(DECODER)
    [first, _] = importance(policy.model, find_layers(policy, "heads", "here"), [batch])
    gate = torch.ones(2, requires_grad=True)
    policy.model.trunk.blocks[0].attention.output_proj.register_forward_pre_hook(
        lambda module, inputs: (inputs[0] * gate.repeat_interleave(4),)
    )
    [gradient] = torch.autograd.grad(policy.model.losses(batch, torch.Generator()).objective(), gate)
    torch.testing.assert_close(first, gradient.square().double(), rtol=1e-4, atol=1e-9)


def test_a_blocks_is_of_all_that_it_adds():
    policy = policy_of(DECODER)
    batch = draw_batch(DECODER)
    [scores] = importance(policy.model, find_layers(policy, "layers", "here"), [batch])
    gate = torch.ones((), requires_grad=True)
    block = policy.model.trunk.blocks[1]
    for part in (block.attention, block.down_proj):
        part.register_forward_hook(lambda module, inputs, output: output * gate)
    [gradient] = torch.autograd.grad(policy.model.losses(batch, torch.Generator()).objective(), gate)
    torch.testing.assert_close(scores[1], gradient.square().double(), rtol=1e-4, atol=1e-9)


def test_copies_that_follow_have_none():
    case = Case("q_transformer", CHOICES)
    policy = policy_of(case)
    scores = importance(policy.model, find_layers(policy, "units", "here"), [draw_batch(case)])
    assert [score is None for score in scores] == [False, False, True, True]
