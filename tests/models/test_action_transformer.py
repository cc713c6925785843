"""The decoder: shapes, errors and losses, these against the formulas of a softmax and a Gaussian.

What it may see and how it plays stand in tests/contracts/test_sequence_models.py.
"""

import math

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, roll_out, with_columns
from understudy.models.action_transformer import ActionTransformer
from understudy.sequences.batch import Batch
from understudy.utils.masking import create_padding_mask


def build(discrete: bool = True, **options) -> ActionTransformer:
    torch.manual_seed(0)
    return ActionTransformer(3, 2, 16, 2, 2, 32, 12, discrete, **options).eval()


def draw_rows(discrete: bool, steps: int = 6) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, steps, 3), torch.randint(2, (2, steps)) if discrete else torch.randn(2, steps, 2)


def draw_batch(discrete: bool) -> Batch:
    (states, actions), (_, labels) = draw_rows(discrete), draw_rows(discrete)
    seq_lens = torch.tensor([6, 4])
    mask = create_padding_mask(seq_lens, 6)
    mask[1, 0] = False
    known = mask & torch.tensor([[True], [False]])
    columns = {"observation": states, "action": actions, "label": labels.flip(1), "return_to_go": torch.randn(2, 6)}
    return batch_of(seq_lens, mask=mask, value_mask=known, **columns)


def predicted(model: ActionTransformer, batch: Batch) -> tuple[Tensor, Tensor]:
    return model(batch["observation"], batch["action"], batch.seq_lens)


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_actions_and_values_have_a_row_and_step_each(discrete: bool) -> None:
    states, actions = draw_rows(discrete)
    preds, values = build(discrete)(states, actions, torch.tensor([6, 1]))
    assert preds.shape == (2, 6, 2)
    assert values.shape == (2, 6)


@torch.no_grad()
def test_without_a_context_a_step_sees_the_whole_row() -> None:
    states, actions = draw_rows(True, 12)
    full, seq_lens = build(), torch.tensor([12, 12])
    assert full.trunk.context == 12
    assert torch.equal(full(states, actions, seq_lens)[0], build(context=12)(states, actions, seq_lens)[0])
    assert not torch.equal(full(states, actions, seq_lens)[0], build(context=4)(states, actions, seq_lens)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 13}, "context: expected at most max_seq_len = 12 steps, got 13"),
        ({"context": 0}, "context: expected at least 1 step, got 0"),
        ({"action_dropout": 1.5}, "action_dropout: expected a chance from 0 to 1, got 1.5"),
        ({"action_dropout": -0.1}, "action_dropout: expected a chance from 0 to 1, got -0.1"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_a_width_that_the_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"embed_dim: expected a multiple of 2 \* num_heads = 6, got 16"):
        ActionTransformer(3, 2, 16, 1, 3, 32, 12, True)


@pytest.mark.parametrize(
    ("steps", "seq_lens", "message"),
    [
        (13, [13, 13], "max_seq_len = 12 steps, got 13"),
        (6, [0, 6], "from 1 to 6, got 0 to 6"),
        (6, [2, 7], "from 1 to 6, got 2 to 7"),
        (6, [6, 6, 6], r"shape \(2,\), got \(3,\)"),
    ],
)
def test_rows_that_are_too_long_or_of_impossible_length_are_refused(steps: int, seq_lens: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()(*draw_rows(True, steps), torch.tensor(seq_lens))


@pytest.mark.parametrize(
    ("discrete", "actions"),
    [
        (True, torch.zeros(2, 5, dtype=torch.int64)),
        (True, torch.zeros(1, 6, dtype=torch.int64)),
        (True, torch.zeros(2, 6, 2, dtype=torch.int64)),
        (False, torch.zeros(2, 5, 2)),
        (False, torch.zeros(2, 6)),
        (False, torch.zeros(2, 6, 3)),
    ],
)
def test_actions_of_another_shape_are_refused(discrete: bool, actions: Tensor) -> None:
    with pytest.raises(ValueError, match=rf"actions: expected .*, got \({', '.join(map(str, actions.shape))}\)"):
        build(discrete)(draw_rows(discrete)[0], actions, torch.tensor([6, 6]))


@torch.no_grad()
def test_losses_of_choices_compare_labels_and_known_returns() -> None:
    model, batch = build(value_weight=0.25), draw_batch(True)
    losses = model.losses(batch, torch.Generator())
    preds, values = predicted(model, batch)
    chosen = preds.log_softmax(-1).gather(-1, batch["label"][..., None])[..., 0]
    action, value = -chosen[batch.mask].mean(), (values - batch["return_to_go"])[0].square().mean()
    assert torch.equal(losses.predictions, preds)
    assert losses.terms.keys() == {"action", "value"}
    torch.testing.assert_close(losses.terms["action"].mean, action)
    torch.testing.assert_close(losses.terms["value"].mean, value)
    assert torch.equal(losses.terms["action"].mask, batch.mask)
    assert torch.equal(losses.terms["value"].mask, batch.value_mask)
    torch.testing.assert_close(losses.objective(), action + 0.25 * value)


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_the_gaussian_that_is_played() -> None:
    """How far an action is drawn from its mean, in units of the noise that it was drawn by, is the deviation that is played."""
    model, batch = build(False, context=3), draw_batch(False)
    rows = (batch["observation"], batch["action"])
    played = roll_out(model, model.begin(2), *rows, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    noise = torch.stack([torch.randn(2, 2, generator=generator) for _ in range(6)], dim=1)
    log_std = ((played.actions - played.predictions) / noise).log()
    squares = ((batch["label"] - played.predictions) / log_std.exp()).square()
    densities = (-0.5 * squares - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    action = model.losses(batch, torch.Generator()).terms["action"].mean
    torch.testing.assert_close(action, -densities[batch.mask].mean(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_dropped_actions_change_predictions_in_training_alone() -> None:
    model, batch = build(action_dropout=1.0), draw_batch(True)
    plain = predicted(model, batch)[0]
    assert torch.equal(model.losses(batch, torch.Generator()).predictions, plain)
    model.train()
    dropped = model.losses(batch, torch.Generator()).predictions
    assert torch.equal(dropped[:, 0], plain[:, 0])
    assert (dropped[:, 1:] != plain[:, 1:]).any(-1).all()


@torch.no_grad()
def test_where_every_action_is_dropped_none_matters() -> None:
    model, batch = build(action_dropout=1.0).train(), draw_batch(True)
    one, other = (
        model.losses(each, torch.Generator()).predictions
        for each in (batch, with_columns(batch, action=1 - batch["action"]))
    )
    assert torch.equal(one, other)


@torch.no_grad()
def test_which_actions_are_dropped_is_a_function_of_the_generator() -> None:
    model, batch = build(action_dropout=0.5).train(), draw_batch(True)
    draws = [model.losses(batch, torch.Generator().manual_seed(seed)).predictions for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
