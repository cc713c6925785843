"""The rule by which a hierarchical policy goes on with an option, and by which options are exchanged.

An option is followed while the product of 1 - termination since it began is at least one half. With a termination of 0.2
at every step that is 0.8, 0.64, 0.512 and then 0.4096: an option lasts four steps.
"""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.models.rows import roll_out, steps_of
from tests.models.test_hierarchical import NUM_OPTIONS, build, draw_rows
from understudy.models.hierarchical import HierarchicalTransformer
from understudy.step import Step


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
        (0.5, [0, 0, 2, 2, 4, 4, 1, 1, 3]),  # at one half it goes on
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
    model, (states, actions, _) = build(context=context, state_differences=2), draw_rows(steps=12)
    nn.init.constant_(model.termination_head.bias, -0.8)
    followed = roll_out(model, model.begin(2), states, actions).options
    option_preds, _, term_preds = model(states, actions, followed, torch.tensor([12, 12]))
    expected = [options_by_the_rule(*row) for row in zip(option_preds, term_preds, strict=True)]
    assert followed.tolist() == expected
    assert all(len(set(row)) > 1 for row in expected)
