"""The hierarchical policy: shapes, errors, losses, and the rule by which options are held.

An option is held while the product of 1 - termination since it began is at least one half. With a termination of 0.2
at every step that is 0.8, 0.64, 0.512 and then 0.4096: an option lasts four steps.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.models.rows import batch_of, roll_out, steps_of, with_columns
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.sequences.batch import Batch
from understudy.step import Step
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


# Holding an option


class NextOption(nn.Module):
    """In place of the option head: wants option 0 at the first step, 1 at the second, and so on, round and round."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def forward(self, features: Tensor) -> Tensor:
        wanted = torch.full((len(features),), self.step % NUM_OPTIONS)
        self.step += 1
        return functional.one_hot(wanted, NUM_OPTIONS).float()


def build_with_termination(chance: float) -> HierarchicalTransformer:
    model = build()
    model.option_head = NextOption()
    nn.init.zeros_(model.termination_head.weight)
    nn.init.constant_(model.termination_head.bias, math.log(chance / (1 - chance)))
    return model


def follow(model: HierarchicalTransformer, steps: int, reset_at: int | None = None, **play: bool) -> list[list[int]]:
    """The options of two rows at each step, with the seeds 1 and 4; row 0 begins an episode of seed 6 before step `reset_at`."""
    memory, followed = model.begin(2, **play), []
    memory.reset(torch.tensor([0, 1]), torch.tensor([1, 4]))
    for time in range(steps):
        is_first = torch.tensor([time in (0, reset_at), time == 0])
        if time == reset_at:
            memory.reset(torch.tensor([0]), torch.tensor([6]))
        step = Step(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), torch.zeros(2), is_first)
        followed.append(model.act(memory, step).options.tolist())
    return [list(row) for row in zip(*followed, strict=True)]


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.2, [0, 0, 0, 0, 4, 4, 4, 4, 3]),
        (0.6, [0, 1, 2, 3, 4, 0, 1, 2, 3]),
        (0.4, [0, 0, 2, 2, 4, 4, 1, 1, 3]),
        (0.01, [0] * 9),
    ],
)
@torch.no_grad()
def test_an_option_is_held_until_it_has_more_likely_ended_than_not(chance: float, expected: list[int]) -> None:
    assert follow(build_with_termination(chance), 9) == [expected, expected]


@torch.no_grad()
def test_a_new_episode_begins_a_new_option_and_the_other_row_keeps_its_own() -> None:
    first, second = follow(build_with_termination(0.2), 7, reset_at=2)
    assert first == [0, 0, 2, 2, 2, 2, 1]
    assert second == [0, 0, 0, 0, 4, 4, 4]


@torch.no_grad()
def test_shuffled_options_are_exchanged_by_a_rotation_of_the_episodes_own() -> None:
    """By 1 + seed % 4 of the five options: by two, later by three, and by one."""
    first, second = follow(build_with_termination(0.2), 9, shuffle_options=True)
    assert first == [2, 2, 2, 2, 1, 1, 1, 1, 0]
    assert second == [1, 1, 1, 1, 0, 0, 0, 0, 4]
    assert follow(build_with_termination(0.2), 7, reset_at=2, shuffle_options=True)[0] == [2, 2, 0, 0, 0, 0, 4]


@torch.no_grad()
def test_shuffled_options_are_all_others_and_the_only_one_stays() -> None:
    model = build_with_termination(0.6)
    memory, seeds = model.begin(8, shuffle_options=True), torch.arange(8)
    memory.reset(seeds, seeds)
    step = Step(torch.zeros(8, 3), torch.zeros(8, dtype=torch.int64), torch.zeros(8), torch.ones(8) > 0)
    assert model.act(memory, step).options.tolist() == [1, 2, 3, 4] * 2
    alone = HierarchicalTransformer(3, 2, 16, 2, 2, 32, 12, True, 1)
    memory = alone.begin(8, shuffle_options=True)
    memory.reset(seeds, seeds)
    assert alone.act(memory, step).options.tolist() == [0] * 8


def test_every_variant_is_a_way_to_begin() -> None:
    assert HierarchicalTransformer.variants == {"shuffled": {"shuffle_options": True}}
    assert build().begin(1, **HierarchicalTransformer.variants["shuffled"]).settings == {"shuffle_options": True}
    assert build().begin(1).settings == {"shuffle_options": False}


@torch.no_grad()
def test_the_low_level_acts_under_the_option_that_is_said_to_be_followed() -> None:
    model = build_with_termination(0.2)
    with torch.no_grad():
        for option, correction in enumerate(model.corrections):
            correction.bias[:] = torch.tensor([0.0, 100.0 * (option % 2)])
    memory = model.begin(2)
    steps = steps_of(torch.zeros(2, 9, 3), torch.zeros(2, 9, dtype=torch.int64))
    for decision in (model.act(memory, step) for step in steps):
        assert torch.equal(decision.predictions.argmax(-1), decision.options % 2)
        assert torch.equal(decision.actions, decision.options % 2)


def options_by_the_rule(option_preds: Tensor, term_preds: Tensor) -> list[int]:
    """The options (T,) that a row follows, from the full pass's predictions (T, O) and (T,)."""
    followed, survival = [], 0.0
    for wanted, ends in zip(option_preds.argmax(-1).tolist(), term_preds.sigmoid().tolist(), strict=True):
        survival *= 1 - ends
        if survival < 0.5:
            followed.append(wanted)
            survival = 1.0
        else:
            followed.append(followed[-1])
    return followed


@pytest.mark.parametrize("context", [1, 3, 12])
@torch.no_grad()
def test_options_that_are_played_follow_from_the_full_pass(context: int) -> None:
    model, (states, actions, _) = build(context=context, state_differences=True), draw_rows(steps=12)
    nn.init.constant_(model.termination_head.bias, -0.8)
    followed = roll_out(model, model.begin(2), states, actions).options
    option_preds, _, term_preds = model(states, actions, followed, torch.tensor([12, 12]))
    expected = [options_by_the_rule(*row) for row in zip(option_preds, term_preds, strict=True)]
    assert followed.tolist() == expected
    assert all(len(set(row)) > 1 for row in expected)


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
