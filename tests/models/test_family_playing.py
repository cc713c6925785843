"""How every family and demonstrator that the registry knows plays: decisions, chance, rows that begin again and that leave."""

import torch
from torch import Tensor

from tests.models.cases import (
    ENVIRONMENTS,
    NUM_OPTIONS,
    Case,
    assert_close,
    build,
    draw_steps,
    each_learning,
    each_playing,
    generator,
    tensors_of,
)
from tests.models.rows import roll_out, steps_of
from understudy.nn.row_memory import RowMemory
from understudy.step import Decision


@each_playing
def test_a_memory_begins_empty(case: Case) -> None:
    memory = build(case).begin(case.rows)
    assert isinstance(memory, RowMemory)
    assert memory.num_rows == case.rows
    assert all(len(values) == case.rows and not values.any() for values in memory.tensors.values())
    assert memory.seeds.tolist() == [0] * case.rows


@each_playing
@torch.inference_mode()
def test_decisions_have_a_row_each_and_are_of_the_tasks_kind(case: Case) -> None:
    model, shape = build(case), (case.rows, case.spec.action_dim)
    memory = model.begin(case.rows)
    for step in steps_of(*draw_steps(case)):
        for given in (None, generator()):
            decision = model.act(memory, step, given)
            if case.spec.discrete_actions:
                assert decision.actions.shape == (case.rows,) and decision.actions.dtype == torch.int64
                assert 0 <= int(decision.actions.min()) and int(decision.actions.max()) < case.spec.action_dim
            else:
                assert decision.actions.shape == shape and decision.actions.dtype == torch.float32
                assert decision.actions.isfinite().all()
            if decision.options is not None:
                assert decision.options.shape == (case.rows,) and decision.options.dtype == torch.int64
                assert 0 <= int(decision.options.min()) and int(decision.options.max()) < NUM_OPTIONS
            if decision.predictions is not None:
                assert decision.predictions.shape == shape and decision.predictions.dtype == torch.float32


@each_playing
@torch.inference_mode()
def test_without_a_generator_the_likeliest_actions_are_decided_again_and_again(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    before = torch.get_rng_state()
    one, other = (roll_out(model, model.begin(case.rows), *rows) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(part, same) for part, same in zip(tensors_of(one), tensors_of(other), strict=True))
    if one.predictions is not None:
        likeliest = one.predictions.argmax(-1) if case.spec.discrete_actions else one.predictions
        assert torch.equal(one.actions, likeliest)


@each_playing
@torch.inference_mode()
def test_actions_are_drawn_from_the_given_generator_alone(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    before = torch.get_rng_state()
    one, same, other = (roll_out(model, model.begin(case.rows), *rows, generator(seed)).actions for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert torch.equal(one, other) != case.varies


@each_learning
@torch.inference_mode()
def test_an_episode_may_be_longer_than_any_row_of_training(case: Case) -> None:
    model = build(case)
    decided = roll_out(model, model.begin(case.rows), *draw_steps(case, 40))
    assert all(part.isfinite().all() for part in tensors_of(decided))


def environments(case: Case, *numbers: int) -> Tensor:
    """The rows of these environments."""
    return torch.cat([torch.arange(case.agents) + number * case.agents for number in numbers])


@each_playing
@torch.inference_mode()
def test_rows_play_as_if_they_were_alone(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    together = roll_out(model, model.begin(case.rows), observations, executed)
    for number in range(ENVIRONMENTS):
        own = environments(case, number)
        alone = roll_out(model, model.begin(case.agents), observations[own], executed[own])
        assert_close(alone, Decision(*(None if part is None else part[own] for part in vars(together).values())))


@each_playing
@torch.inference_mode()
def test_rows_that_begin_again_forget_and_the_others_go_on(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    undisturbed = roll_out(model, model.begin(case.rows), observations, executed)
    memory, again, decisions = model.begin(case.rows), environments(case, 0, 2), []
    for time, step in enumerate(steps_of(observations, executed)):
        if time == 4:
            memory.reset(again, torch.arange(len(again)))
            step.is_first[again] = True
            step.previous_action[again] = 0
        decisions.append(model.act(memory, step))
    fresh = roll_out(model, model.begin(case.rows), observations[:, 4:], executed[:, 4:])
    for time, decision in enumerate(decisions):
        expected = Decision(*(None if part is None else part[:, time].clone() for part in vars(undisturbed).values()))
        if time >= 4:
            for part, begun in zip(tensors_of(expected), tensors_of(fresh), strict=True):
                part[again] = begun[again, time - 4]
        assert_close(decision, expected)


@each_playing
@torch.inference_mode()
def test_rows_that_are_kept_go_on_in_the_order_asked_for(case: Case) -> None:
    model, (observations, executed) = build(case), draw_steps(case)
    undisturbed = roll_out(model, model.begin(case.rows), observations, executed)
    memory, kept = model.begin(case.rows), environments(case, 2, 0)
    for time, step in enumerate(steps_of(observations, executed)):
        if time == 4:
            memory.keep(kept)
            assert memory.num_rows == len(kept)
        if time >= 4:
            step = type(step)(*(part[kept] for part in vars(step).values()))
        decision = model.act(memory, step)
        rows = kept if time >= 4 else torch.arange(case.rows)
        assert_close(
            decision, Decision(*(None if part is None else part[rows, time] for part in vars(undisturbed).values()))
        )


@each_learning
@torch.inference_mode()
def test_playing_in_bfloat16_decides_in_float32(case: Case) -> None:
    model, rows = build(case), draw_steps(case)
    exact = roll_out(model, model.begin(case.rows), *rows)
    model.set_compute_dtype(torch.bfloat16)
    rounded = roll_out(model, model.begin(case.rows), *rows)
    assert [part.dtype for part in tensors_of(rounded)] == [part.dtype for part in tensors_of(exact)]
    assert all(part.isfinite().all() for part in tensors_of(rounded))
