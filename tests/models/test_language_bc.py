"""The model of language: its loss, what it sees, and that the cache is the full pass."""

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, roll_out
from understudy.models.language_bc import LanguageBC

STEPS, ROWS = 9, 3


def build(**options) -> LanguageBC:
    torch.manual_seed(0)
    model = LanguageBC(3, 4, 16, 2, 2, 32, 12, True, **options)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return model.eval()


def draw() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(ROWS, STEPS, 3)


@torch.no_grad()
def test_the_loss_is_the_surprise_at_the_tokens_that_count() -> None:
    model, states = build(), draw()
    labels, lengths = torch.randint(4, (ROWS, STEPS)), torch.tensor([9, 5, 2])
    mask = (torch.arange(STEPS) < lengths[:, None]) & (torch.arange(STEPS) > 0)
    losses = model.losses(batch_of(lengths, mask=mask, observation=states, label=labels), torch.Generator())
    surprises = []
    for row in range(ROWS):
        for time in range(1, int(lengths[row])):
            logits = model(states[row : row + 1, : time + 1], torch.tensor([time + 1]))[0, time].double()
            surprises.append(logits.exp().sum().log() - logits[labels[row, time]])
    torch.testing.assert_close(
        losses.terms["action"].mean.double(), torch.stack(surprises).mean(), atol=1e-6, rtol=1e-5
    )


def test_no_prediction_depends_on_later_steps() -> None:
    model, states = build(), draw().requires_grad_()
    preds = model(states, torch.full((ROWS,), STEPS))
    for time in range(STEPS):
        [gradient] = torch.autograd.grad(preds[:, time].square().sum(), states, retain_graph=True)
        assert not gradient[:, time + 1 :].any()
        assert gradient[:, : time + 1].any(-1).all()  # all of the text before it is seen


@pytest.mark.parametrize("context", [1, 4, 12])
@torch.inference_mode()
def test_step_by_step_it_predicts_what_the_full_pass_predicts(context: int) -> None:
    model, states = build(context=context), draw()
    assert model.burn_in == context
    played = roll_out(model, model.begin(ROWS), states, torch.zeros(ROWS, STEPS, dtype=torch.int64))
    torch.testing.assert_close(played.predictions, model(states, torch.full((ROWS,), STEPS)), atol=1e-5, rtol=1e-5)
    assert torch.equal(played.actions, played.predictions.argmax(-1))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="discrete_actions: expected choices, which tokens are, got vectors"):
        LanguageBC(3, 4, 16, 2, 2, 32, 12, False)
    with pytest.raises(ValueError, match="states: expected 3 entries a step, got"):
        build()(torch.zeros(ROWS, STEPS, 2), torch.full((ROWS,), STEPS))
    with pytest.raises(ValueError, match="states: expected at most max_seq_len = 12 steps, got 13"):
        build()(torch.zeros(1, 13, 3), torch.tensor([13]))


@torch.no_grad()
def test_predictions_are_as_wide_as_the_batch_whose_end_is_padding() -> None:
    model, states = build(), draw()
    lengths = torch.tensor([4, 5, 2])
    losses = model.losses(
        batch_of(lengths, observation=states, label=torch.zeros(ROWS, STEPS).long()), torch.Generator()
    )
    assert losses.predictions.shape == (ROWS, STEPS, 4)
    torch.testing.assert_close(losses.predictions[:, :5], model(states[:, :5], torch.full((ROWS,), 5)))
    assert not losses.predictions[:, 5:].any()


def test_it_may_play_in_another_precision() -> None:
    model = build()
    model.set_compute_dtype(torch.bfloat16)
    assert {layer.ring.dtype for layer in model.begin(2).kv_cache.layers} == {torch.bfloat16}
