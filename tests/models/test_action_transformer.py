"""The decoder: shapes, errors and losses, these against the formulas of a softmax and a Gaussian.

What it may see and how it plays stand in tests/contracts/test_sequence_models.py.
"""

import math

import pytest
import torch
from torch import Tensor

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
    return Batch(states, actions, labels.flip(1), torch.randn(2, 6), seq_lens, mask, known)


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
    model, batch = build(), draw_batch(True)
    terms, preds = model.losses(batch, torch.Generator())
    expected, values = model(batch.states, batch.actions, batch.seq_lens)
    chosen = preds.log_softmax(-1).gather(-1, batch.labels[..., None])[..., 0]
    assert torch.equal(preds, expected)
    assert terms.keys() == {"action", "value"}
    torch.testing.assert_close(terms["action"], -chosen[batch.mask].mean())
    torch.testing.assert_close(terms["value"], (values - batch.returns_to_go)[0].square().mean())


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_the_gaussian_that_is_played() -> None:
    model, batch = build(False, context=3), draw_batch(False)
    state, densities = model.new_state(2), []
    for t in range(6):
        mean, log_std = model.step(state, batch.states[:, t])
        model.acted(state, batch.actions[:, t])
        squares = ((batch.labels[:, t] - mean) / log_std.exp()).square()
        densities.append((-0.5 * squares - log_std - 0.5 * math.log(2 * math.pi)).sum(-1))
    terms, _ = model.losses(batch, torch.Generator())
    torch.testing.assert_close(terms["action"], -torch.stack(densities, dim=1)[batch.mask].mean())


@torch.no_grad()
def test_hidden_actions_change_predictions_in_training_alone() -> None:
    model, batch = build(action_dropout=1.0), draw_batch(True)
    plain = model(batch.states, batch.actions, batch.seq_lens)[0]
    assert torch.equal(model.losses(batch, torch.Generator())[1], plain)
    model.train()
    hidden = model.losses(batch, torch.Generator())[1]
    assert torch.equal(hidden[:, 0], plain[:, 0])
    assert not torch.equal(hidden[:, 1:], plain[:, 1:])


@torch.no_grad()
def test_where_every_action_is_hidden_none_matters() -> None:
    model, batch = build(action_dropout=1.0).train(), draw_batch(True)
    other = Batch(**{**vars(batch), "actions": 1 - batch.actions})
    assert torch.equal(model.losses(batch, torch.Generator())[1], model.losses(other, torch.Generator())[1])


@torch.no_grad()
def test_which_actions_are_hidden_is_a_function_of_the_generator() -> None:
    model, batch = build(action_dropout=0.5).train(), draw_batch(True)
    draws = [model.losses(batch, torch.Generator().manual_seed(seed))[1] for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
