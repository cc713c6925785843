"""The generalist shown demonstrations before its rows: playing equals the full pass, and what is shown is of the row's task."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.builders import by_hand, refused
from tests.mixed import MIXED, PICTURES, SPECS, TASKS, WITH_PICTURES, build_twins, draw_mixed, mixed_batch
from tests.models.rows import with_columns
from tests.toys import CONFIGS
from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.nn.task_options import MOST_PROMPT_STEPS, MOST_PROMPTS
from understudy.nn.task_prompts import Prompts
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.sequences.mixture import SequenceMixture
from understudy.step import Step
from understudy.training import steps as training
from understudy.training.steps import training_steps

IDS, STEPS, LENGTH = torch.tensor([0, 1, 2, 1, 0, 2]), 9, 6
LENGTHS = torch.tensor([[6, 3, 1, 6, 2], [4, 6, 6, 1, 5], [2, 5, 6, 3, 6]])
each_layout = pytest.mark.parametrize("tokens", ["coarse", "fine", "pictures"])


def build(tokens: str = "coarse", **config: object) -> nn.Module:
    """A model that keeps five demonstrations of each task; of "pictures" tokens are coarse."""
    torch.manual_seed(0)
    pictures = tokens == "pictures"
    of_layout = {"tokens": "coarse", **PICTURES} if pictures else {"tokens": tokens}
    config = CONFIGS["generalist"] | of_layout | {"num_bins": 12, "prompt_steps": LENGTH} | config
    model = build_model("generalist", config, WITH_PICTURES if pictures else MIXED, "policies.p").eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1 and weights.requires_grad:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    if model.prompts is not None:
        states, entries = draw_mixed(torch.arange(3).repeat_interleave(5), LENGTH, seed=5)
        model.prompts.prompt_states.copy_(states.view_as(model.prompts.prompt_states))
        model.prompts.prompt_entries.copy_(entries.view_as(model.prompts.prompt_entries))
        model.prompts.prompt_lengths.copy_(LENGTHS)
    return model


def full_pass(model: nn.Module, ids: Tensor, states: Tensor, executed: Tensor, count: int) -> Tensor:
    """Predictions (B, T, P) after the first `count` demonstrations that the model keeps of each row's task."""
    kept = model.prompts
    prompts = Prompts(*(each[ids, :count] for each in (kept.prompt_states, kept.prompt_entries, kept.prompt_lengths)))
    encoded = prompts.encode(model.trunk, model.tokens, ids, torch.zeros(len(ids), dtype=torch.int64))
    return model.head.as_predictions(model._predict(states, executed, ids, prompts=encoded)[0], ids)


def decided(preds: Tensor, ids: Tensor) -> Tensor:
    """The first entry (B, T) of the likeliest actions."""
    is_choice = torch.tensor([task.discrete_actions for task in TASKS])[ids]
    return torch.where(is_choice[:, None], preds.argmax(-1).float(), preds[..., 0])


def steps_of(states: Tensor, executed: Tensor):
    for time in range(states.shape[1]):
        before = executed[:, time - 1] if time else executed[:, 0] * 0
        yield Step(states[:, time], before, torch.zeros(len(states)), torch.full((len(states),), time == 0))


def play(model: nn.Module, ids: Tensor, states: Tensor, executed: Tensor, count: int | None) -> Tensor:
    memory = model.begin(len(ids), prompt=count)
    memory.task_ids = ids.clone()
    return torch.stack([model.act(memory, step).actions for step in steps_of(states, executed)], dim=1)


# Playing


@each_layout
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("context", [1, 4, 12])
@torch.inference_mode()
def test_prompted_rows_play_as_the_full_pass_over_prompts_and_steps_says(tokens: str, count: int, context: int) -> None:
    model, (states, executed) = build(tokens, context=context), draw_mixed(IDS, STEPS)
    expected = decided(full_pass(model, IDS, states, executed, count), IDS)
    actions = play(model, IDS, states, executed, count)
    torch.testing.assert_close(actions[..., 0], expected, atol=2e-5, rtol=2e-5)
    assert not torch.equal(actions, play(model, IDS, states, executed, 0))


@torch.inference_mode()
def test_a_row_that_begins_later_is_shown_its_demonstrations_then() -> None:
    """Rows of two tasks begin at the third step of the others, whose episodes go on."""
    model, (states, executed) = build("fine"), draw_mixed(IDS, STEPS)
    expected = play(model, IDS, states, executed, 2)
    memory, late = model.begin(len(IDS), prompt=2), torch.tensor([1, 5])
    memory.task_ids = IDS.clone()
    given = list(steps_of(states, executed))
    for step in given[:3]:
        model.act(memory, step)
    memory.reset(late)
    begun = torch.zeros(len(IDS), dtype=torch.bool).index_fill(0, late, True)
    for time in range(3, STEPS):
        parts = {}
        for name in ("observation", "previous_action", "previous_reward"):
            of_early, of_late = getattr(given[time], name), getattr(given[time - 3], name)
            parts[name] = torch.where(begun.view(-1, *[1] * (of_early.ndim - 1)), of_late, of_early)
        actions = model.act(memory, Step(**parts, is_first=begun & (time == 3))).actions
        wanted = torch.where(begun[:, None], expected[:, time - 3], expected[:, time])
        torch.testing.assert_close(actions, wanted, atol=2e-5, rtol=2e-5)


@each_layout
@torch.inference_mode()
def test_another_tasks_demonstrations_never_reach_a_row(tokens: str) -> None:
    model, (states, executed) = build(tokens), draw_mixed(IDS, STEPS)
    before = full_pass(model, IDS, states, executed, 2)
    for each in (model.prompts.prompt_states, model.prompts.prompt_entries):
        each[1:] = each[1:].flip(1)
    after = full_pass(model, IDS, states, executed, 2)
    assert torch.equal(before[IDS == 0], after[IDS == 0])
    assert not torch.equal(before[IDS == 1], after[IDS == 1])


@torch.inference_mode()
def test_what_is_after_a_demonstrations_end_or_of_no_component_of_its_task_is_not_read() -> None:
    model, (states, executed) = build("fine"), draw_mixed(IDS, STEPS)
    before = play(model, IDS, states, executed, 5)
    after_end = torch.arange(LENGTH) >= LENGTHS[..., None]  # (K, 5, L)
    model.prompts.prompt_states.masked_fill_(after_end[..., None], 33.0)
    model.prompts.prompt_entries.masked_fill_(after_end[..., None], 1.0)
    model.prompts.prompt_states[0, :, :, 3:] = 33.0
    assert torch.equal(play(model, IDS, states, executed, 5), before)


@each_layout
@torch.inference_mode()
def test_without_a_vector_of_its_task_two_tasks_that_look_alike_are_told_apart_by_their_demonstrations(
    tokens: str,
) -> None:
    """Their weights are the same, and where they are shown nothing they play alike."""
    model, twins = build_twins(tokens, prompt_steps=LENGTH, task_token="prompt"), torch.tensor([0, 1])
    assert not model.tokens.task_vectors.any() and not model.tokens.task_vectors.requires_grad
    kept_states, kept_entries = draw_mixed(torch.ones(10, dtype=torch.int64), LENGTH, seed=5)
    model.prompts.prompt_states.copy_(kept_states.view_as(model.prompts.prompt_states))
    model.prompts.prompt_entries.copy_(kept_entries[..., :1].view_as(model.prompts.prompt_entries))
    model.prompts.prompt_lengths.fill_(LENGTH)
    states, executed = draw_mixed(torch.tensor([1, 1]), 30)
    states[1], executed = states[0], executed[:1, :, :1].expand(2, -1, -1)
    unshown, shown = (play(model, twins, states, executed, count) for count in (0, 1))
    assert torch.equal(unshown[0], unshown[1])
    assert not torch.equal(shown[0], shown[1])
    assert torch.equal(play(model, twins, states, executed, None), shown)  # one, where nothing else tells the task
    assert build(tokens).begin(1).settings == {"prompt": 0}


# Training


def batch(padding: float = 0.0) -> Batch:
    rows = mixed_batch(IDS, [9, 4, 9, 7, 1, 5], padding)
    states, entries = draw_mixed(IDS, STEPS, seed=6)
    lengths = torch.tensor([9, 2, 6, 0, 3, 9])
    after_end = (torch.arange(STEPS) >= lengths[:, None])[..., None]
    columns = {
        "prompt_observation": states.masked_fill(after_end, padding),
        "prompt_action": entries.masked_fill(after_end, float(padding > 0)),  # a choice that there is
        "prompt_length": lengths,
        "first_step": torch.tensor([0, 5, 40, 0, 7, 300]),
    }
    return replace(rows, columns=rows.columns | columns)


@each_layout
@torch.inference_mode()
def test_rows_are_predicted_after_their_demonstration_as_far_back_as_their_episode_began(tokens: str) -> None:
    """A row from the middle of an episode costs what the steps of a whole one do, the first of which lie out of the window."""
    model, rows = build(tokens, context=1), batch()
    whole = torch.zeros(1, 3 + STEPS, 5), torch.zeros(1, 3 + STEPS, 2)
    own = slice(0, 1)
    for column, values in zip(("observation", "action"), whole, strict=True):
        values[:, 3:] = rows[column][own]
    prompts = Prompts(
        rows["prompt_observation"][own, None, :LENGTH],
        rows["prompt_action"][own, None, :LENGTH],
        torch.tensor([[LENGTH]]),
    )
    encoded = prompts.encode(model.trunk, model.tokens, IDS[own], torch.zeros(1, dtype=torch.int64))
    expected = model.head.as_predictions(model._predict(*whole, IDS[own], prompts=encoded)[0], IDS[own])
    later = with_columns(rows, first_step=torch.full((6,), 3))
    got = model.losses(later, torch.Generator()).predictions
    torch.testing.assert_close(got[own], expected[:, 3:], atol=2e-5, rtol=2e-5)
    at_once = model.losses(with_columns(rows, first_step=torch.zeros(6, dtype=torch.int64)), torch.Generator())
    assert not torch.allclose(at_once.predictions[0, :, :3], got[0, :, :3], atol=1e-4)


@each_layout
@torch.inference_mode()
def test_padding_changes_no_loss(tokens: str) -> None:
    model = build(tokens)
    assert torch.equal(*(model.losses(batch(padding), torch.Generator()).objective() for padding in (0.0, 33.0)))


@torch.inference_mode()
def test_a_share_of_the_rows_is_shown_a_demonstration_in_training_and_all_are_in_validation() -> None:
    rows, others = batch(), with_columns(batch(), prompt_observation=batch()["prompt_observation"] + 1.0)
    for chance, shown in ((0.0, []), (1.0, [0, 1, 2, 4, 5]), (0.5, [2])):
        model = build(prompt_chance=chance).train()
        one, other = (
            model.losses(each, torch.Generator().manual_seed(0)).predictions[:, :, :2] for each in (rows, others)
        )
        changed = [row for row in range(6) if not torch.equal(one[row], other[row])]
        if chance == 0.5:
            first = torch.rand(6, 9, generator=torch.Generator().manual_seed(0))[:, 0]
            shown = [row for row in (0, 1, 2, 4, 5) if first[row] < 0.5]
            assert 0 < len(shown) < 5
        assert changed == shown
    model = build(prompt_chance=0.0)
    one, other = (model.losses(each, torch.Generator()).predictions[:, :, :2] for each in (rows, others))
    assert [row for row in range(6) if not torch.equal(one[row], other[row])] == [0, 1, 2, 4, 5]


def test_no_step_of_a_demonstration_is_imitated_but_what_it_says_is_learned_from() -> None:
    model, rows = build(prompt_chance=1.0).train(), batch()
    losses = model.losses(rows, torch.Generator())
    assert torch.equal(losses.terms["action"].mask, rows.mask)
    states = rows["prompt_observation"].clone().requires_grad_()
    model.losses(with_columns(rows, prompt_observation=states), torch.Generator()).objective().backward()
    assert states.grad[0, :LENGTH, :3].all() and not states.grad[0, LENGTH:].any()
    assert not states.grad[3].any()  # which has none


def test_columns_and_weights_are_more_where_rows_are_prompted_and_else_the_same() -> None:
    plain = build_model("generalist", CONFIGS["generalist"], MIXED, "policies.p")
    prompted = build()
    assert prompted.reads - plain.reads == {"prompt_observation", "prompt_action", "prompt_length", "first_step"}
    more = {f"prompts.prompt_{name}" for name in ("states", "entries", "lengths")}
    assert prompted.state_dict().keys() - plain.state_dict().keys() == more


# What a model keeps


def test_a_model_keeps_the_first_steps_of_the_first_episodes_of_each_task() -> None:
    parts = []
    for number, task in enumerate(TASKS):
        lengths = [8, 2, 30] if number else [8, 2, 30, 5, 5, 5]
        steps = np.arange(sum(lengths))
        actions = steps % task.action_dim if task.discrete_actions else np.stack([np.sin(steps)] * task.action_dim, 1)
        states = steps[:, None] + 100.0 * np.arange(task.state_dim)
        parts.append(by_hand(SPECS[number], states, actions, lengths, interface=Interface((task,))))
    model = build()
    model.fit(training_steps(SequenceMixture(("a", "b", "c"), tuple(parts), (1.0, 1.0, 1.0), "0" * 64)))
    assert model.prompts.prompt_lengths.tolist() == [[6, 2, 6, 5, 5], [6, 2, 6, 0, 0], [6, 2, 6, 0, 0]]
    third = torch.from_numpy(TASKS[1].normalize_states(parts[1].states[10:16]))
    assert torch.equal(model.prompts.prompt_states[1, 2], third)
    assert model.prompts.prompt_entries[1, 2, :, 0].tolist() == [each % 4 for each in range(10, 16)]
    memory = model.begin(1, prompt=4)
    memory.task_ids = torch.tensor([1])
    states, executed = draw_mixed(memory.task_ids, 1)
    with refused(ParameterError, "prompt: expected at most the 3 demonstrations that were kept, got 4"):
        model.act(memory, next(steps_of(states, executed)))


def test_as_many_are_read_as_may_be_kept() -> None:
    assert (training.DEMONSTRATIONS, training.DEMONSTRATION_STEPS) == (MOST_PROMPTS, MOST_PROMPT_STEPS)


# What is refused


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"prompt_steps": 65},
            "prompt_steps, prompt_chance: expected from 0 to 64, and a chance from 0 to 1, got 65 and",
        ),
        (
            {"prompt_chance": 1.5},
            "prompt_steps, prompt_chance: expected from 0 to 64, and a chance from 0 to 1, got 6 and",
        ),
        ({"attention": "elu", "context": None}, "prompt_steps: expected 0 under attention 'elu', got 6"),
        ({"return_conditioned": True}, "prompt_steps: expected 0, since the model is return_conditioned, got 6"),
        (
            {"prompt_steps": 0, "task_token": "prompt"},
            "task_token: expected learned, since prompt_steps is 0, got 'prompt'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_a_sentence(config: dict, sentence: str) -> None:
    with refused(ParameterError, f"policies.p.model.{sentence}"):
        build(**config)


def test_demonstrations_that_cannot_be_shown_are_refused() -> None:
    with refused(ValueError, "prompt: expected from 0 to 5 demonstrations, got 6"):
        build().begin(1, prompt=6)
    with refused(ValueError, "prompt: expected from 0 to 0 demonstrations, got 1"):
        build(prompt_steps=0).begin(1, prompt=1)
    short = {name: batch()[name][:, :4] for name in ("prompt_observation", "prompt_action")}
    with refused(ParameterError, "training.chunk_length: expected at least prompt_steps = 6, got 4"):
        build().losses(with_columns(batch(), **short), torch.Generator())


def test_a_row_s_first_number_decides_what_is_shown_and_withholds_no_action() -> None:
    generator = torch.Generator().manual_seed(0)
    prompts = build().prompts
    shown, dropped = prompts.draw(torch.Size([400, 3]), 0.25, 0.9, generator)
    numbers = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shown, numbers[:, 0] < 0.25)
    assert not dropped[:, 0].any()
    assert torch.equal(dropped[:, 1:], numbers[:, 1:] < 0.9)
