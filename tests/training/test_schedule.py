"""The learning rate's factor, at steps where it can be told in the head: linear up to one, then (1 + cos) / 2."""

import math

import pytest

from understudy.training.schedule import warmup_cosine


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (6, 0.5 + math.sqrt(0.125)), (8, 0.5), (12, 0.0), (99, 0.0)],
)
def test_four_steps_of_warmup_and_eight_of_cosine(step: int, expected: float) -> None:
    assert warmup_cosine(step, warmup_steps=4, total_steps=12) == pytest.approx(expected)


def test_one_step_after_the_warmup_is_enough_to_come_down() -> None:
    assert [warmup_cosine(step, warmup_steps=3, total_steps=4) for step in (3, 4)] == [1.0, 0.0]


def test_without_warmup_the_first_step_is_the_largest() -> None:
    factors = [warmup_cosine(step, warmup_steps=0, total_steps=10) for step in range(10)]
    assert factors[0] == 1.0
    assert factors == sorted(factors, reverse=True)
    assert factors[9] > 0


def test_warmup_that_outlasts_training_is_cut_short() -> None:
    factors = [warmup_cosine(step, warmup_steps=10, total_steps=3) for step in range(3)]
    assert factors == pytest.approx([0.1, 0.2, 0.3])
