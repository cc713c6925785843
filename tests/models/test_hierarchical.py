"""The hierarchical policy: shapes, errors and losses. Which options it follows stands in test_hierarchical_options.py."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.models.rows import batch_of, with_columns
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.sequences.batch import Batch
from understudy.utils.masking import create_padding_mask

NUM_OPTIONS = 5


def build(discrete: bool = True, **options) -> HierarchicalTransformer:
    torch.manual_seed(0)
    return HierarchicalTransformer(3, 2, 16, 2, 2, 32, 12, discrete, NUM_OPTIONS, **options).eval()


def draw_rows(discrete: bool = True, steps: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    actions = torch.randint(2, (2, steps)) if discrete else torch.randn(2, steps, 2)
    return torch.randn(2, steps, 3), actions, torch.randint(NUM_OPTIONS, (2, steps))


FULL = torch.tensor([6, 6])


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_options_actions_and_terminations_have_a_row_and_step_each(discrete: bool) -> None:
    states, actions, options = draw_rows(discrete)
    option_preds, action_preds, term_preds = build(discrete)(states, actions, options, torch.tensor([6, 1]))
    assert option_preds.shape == (2, 6, NUM_OPTIONS)
    assert action_preds.shape == (2, 6, 2)
    assert term_preds.shape == (2, 6)


@torch.no_grad()
def test_one_option_a_row_is_that_option_at_every_step() -> None:
    model, (states, actions, _) = build(), draw_rows()
    held = model(states, actions, torch.tensor([4, 1]), FULL)
    by_step = model(states, actions, torch.tensor([[4] * 6, [1] * 6]), FULL)
    assert all(torch.equal(one, other) for one, other in zip(held, by_step, strict=True))


def steps_that_differ(one: Tensor, other: Tensor) -> list[bool]:
    """Whether the rows of (B, T) or (B, T, ...) differ anywhere at a step."""
    return (one != other).reshape(*one.shape[:2], -1).any(dim=-1).any(dim=0).tolist()


@torch.no_grad()
def test_an_option_matters_to_its_own_action_and_to_later_choices_alone() -> None:
    model, (states, actions, options) = build(), draw_rows()
    changed = options.clone()
    changed[:, 3] = (options[:, 3] + 1) % NUM_OPTIONS
    before, after = (model(states, actions, held, FULL) for held in (options, changed))
    differs = [steps_that_differ(*parts) for parts in zip(before, after, strict=True)]
    later, own_and_later = [False] * 4 + [True] * 2, [False] * 3 + [True] * 3
    assert differs == [later, own_and_later, later]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (torch.full((2, 6), 5), "options: expected from 0 to 4, got 5 to 5"),
        (torch.tensor([-1, 2]), "options: expected from 0 to 4, got -1 to 2"),
        (torch.tensor([0, 5]), "options: expected from 0 to 4, got 0 to 5"),
        (torch.zeros(2, 5, dtype=torch.int64), r"options: expected .*\(2, 6\).*, got \(2, 5\)"),
        (torch.zeros(3, dtype=torch.int64), r"options: expected .*, got \(3,\)"),
        (torch.zeros(1, dtype=torch.int64), r"options: expected .*, got \(1,\)"),
    ],
)
def test_options_out_of_range_or_shape_are_refused(options: Tensor, message: str) -> None:
    states, actions, _ = draw_rows()
    with pytest.raises(ValueError, match=message):
        build()(states, actions, options, FULL)


@pytest.mark.parametrize(
    ("steps", "seq_lens", "message"),
    [
        (13, [13, 13], "max_seq_len = 12 steps, got 13"),
        (6, [0, 6], "from 1 to 6, got 0 to 6"),
        (6, [2, 7], "from 1 to 6, got 2 to 7"),
    ],
)
def test_rows_that_are_too_long_or_of_impossible_length_are_refused(steps: int, seq_lens: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()(*draw_rows(steps=steps), torch.tensor(seq_lens))


def test_actions_of_another_shape_are_refused() -> None:
    states, actions, options = draw_rows()
    with pytest.raises(ValueError, match=r"actions: expected 2 rows of 6 steps .*, got \(2, 5\)"):
        build()(states, actions[:, :5], options, FULL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 13}, "context: expected at most max_seq_len = 12 steps, got 13"),
        ({"context": 0}, "context: expected at least 1 step, got 0"),
        ({"action_dropout": 2.0}, "action_dropout: expected a chance from 0 to 1, got 2.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)


@torch.no_grad()
def test_the_low_level_is_handed_the_present_state_and_need_not_look_for_it() -> None:
    model, (states, actions, options) = build(), draw_rows()
    for block in model.trunk.blocks:
        nn.init.zeros_(block.attention.output_proj.weight)
    changed = states.clone()
    changed[:, 3] += 1.0
    before, after = (model(each, actions, options, FULL)[1] for each in (states, changed))
    assert steps_that_differ(before, after) == [False, False, False, True, False, False]


def test_tokens_of_maps_are_named_by_what_they_carry() -> None:
    maps = build().attention_maps(*draw_rows(), FULL)
    assert maps.modalities == ("state", "option", "action") * 6
    assert [layer.shape for layer in maps.layers] == [(2, 2, 18, 18)] * 2


# Losses


def draw_batch(options: Tensor, discrete: bool = True) -> Batch:
    """Two rows of six and four steps, of which the second's returns are known at the first three alone."""
    states, actions, _ = draw_rows(discrete)
    mask = create_padding_mask(torch.tensor([6, 4]), 6)
    return batch_of(
        torch.tensor([6, 4]),
        mask=mask,
        value_mask=mask & (torch.arange(6) < torch.tensor([[6], [3]])),
        observation=states,
        action=actions,
        label=actions.flip(1),
        return_to_go=torch.randn(2, 6),
        option=options,
        termination=torch.tensor([[True, False, False, True, False, False]]).expand(2, 6),
    )


def predicted(model: HierarchicalTransformer, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return model(batch["observation"], batch["action"], batch["option"], batch.seq_lens)


@torch.no_grad()
def test_losses_are_means_over_all_steps_that_count() -> None:
    model, batch = build(value_weight=0.25), draw_batch(draw_rows()[2])
    losses = model.losses(batch, torch.Generator())
    option_preds, action_preds, term_preds = predicted(model, batch)
    chosen = option_preds.log_softmax(-1).gather(-1, batch["option"][..., None])[..., 0]
    ends = torch.where(batch["termination"], term_preds.sigmoid(), 1 - term_preds.sigmoid()).log()
    acted = action_preds.log_softmax(-1).gather(-1, batch["label"][..., None])[..., 0]
    means = {name: term.mean for name, term in losses.terms.items()}
    assert torch.equal(losses.predictions, action_preds)
    assert means.keys() == {"action", "option", "termination", "value"}
    torch.testing.assert_close(means["option"], -(chosen[0, 0] + chosen[0, 3] + chosen[1, 0] + chosen[1, 3]) / 10)
    torch.testing.assert_close(means["termination"], -(ends[0, 1:6].sum() + ends[1, 1:4].sum()) / 10)
    torch.testing.assert_close(means["action"], -acted[batch.mask].mean())
    likelihood = means["action"] + means["option"] + means["termination"]
    torch.testing.assert_close(losses.objective(), likelihood + 0.25 * means["value"])


@torch.no_grad()
def test_the_value_is_the_high_levels_where_returns_are_known() -> None:
    model, batch = build(), draw_batch(draw_rows()[2])
    seen = []
    with model.option_head.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        term = model.losses(batch, torch.Generator()).terms["value"]
    errors = (model.value_head(seen[0]) - batch["return_to_go"]).square()
    torch.testing.assert_close(term.mean, (errors[0].sum() + errors[1, :3].sum()) / 9)
    assert torch.equal(term.mask, batch.value_mask)
    other = with_columns(batch, option=torch.cat([batch["option"][:, :-1], 4 - batch["option"][:, -1:]], dim=1))
    assert torch.equal(model.losses(other, torch.Generator()).terms["value"].mean, term.mean)


@torch.no_grad()
def test_all_terms_but_the_value_count_the_steps_of_the_mask() -> None:
    batch = draw_batch(draw_rows()[2])
    terms = build().losses(batch, torch.Generator()).terms
    assert all(torch.equal(terms[name].mask, batch.mask) for name in ("action", "option", "termination"))


@pytest.mark.parametrize("discrete", [True, False])
def test_a_correction_learns_from_the_steps_of_its_option_alone_and_starts_at_none(discrete: bool) -> None:
    model, batch = build(discrete), draw_batch(torch.tensor([[1, 1, 1, 3, 3, 3], [1, 1, 1, 3, 0, 0]]), discrete)
    model.losses(batch, torch.Generator()).terms["action"].mean.backward()
    learns = [bool((correction.weight.grad != 0).any()) for correction in model.corrections]
    assert learns == [False, True, False, True, False]
    assert not nn.utils.parameters_to_vector(model.corrections.parameters()).any()
    assert (model.action_head.predict.weight.grad != 0).any()


@torch.no_grad()
def test_a_correction_adds_to_the_actions_of_its_option_alone() -> None:
    model, (states, actions, _) = build(), draw_rows()
    options = torch.tensor([[1, 1, 3, 3, 0, 0], [4, 3, 2, 2, 1, 0]])
    before = model(states, actions, options, FULL)[1]
    model.corrections[3].bias += torch.tensor([0.5, -2.0])
    added = model(states, actions, options, FULL)[1] - before
    torch.testing.assert_close(added, (options == 3)[..., None] * torch.tensor([0.5, -2.0]))


@torch.no_grad()
def test_dropped_actions_change_predictions_in_training_alone() -> None:
    model, batch = build(action_dropout=1.0), draw_batch(draw_rows()[2])
    plain = predicted(model, batch)[1]
    assert torch.equal(model.losses(batch, torch.Generator()).predictions, plain)
    dropped = model.train().losses(batch, torch.Generator()).predictions
    assert steps_that_differ(dropped, plain) == [False] + [True] * 5
    other = with_columns(batch, action=1 - batch["action"])
    assert torch.equal(model.losses(other, torch.Generator()).predictions, dropped)


def test_a_batch_without_options_is_refused() -> None:
    batch = draw_batch(draw_rows()[2])
    without = replace(batch, columns={name: batch[name] for name in batch.columns if name != "option"})
    with pytest.raises(ValueError, match="batch: expected a column 'option', got observation, action, "):
        build().losses(without, torch.Generator())
