"""One model of several tasks: what rows of different tasks know of each other, and what each costs.

What it shares with all families stands in test_family*.py, where it has a single task.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.builders import refused
from tests.mixed import MIXED, NARROW, PICTURES, TASKS, WITH_PICTURES, build_twins, draw_mixed, mixed_batch
from tests.models.rows import roll_out, steps_of
from tests.toys import CONFIGS, tiny_interface
from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch

IDS, STEPS = torch.tensor([0, 1, 2, 1, 0, 2]), 9
each_layout = pytest.mark.parametrize("tokens", ["coarse", "fine", "pictures"])


def build(tokens: str, **config: object) -> nn.Module:
    """A model of the three tasks; of "pictures" tokens are coarse."""
    torch.manual_seed(0)
    pictures = tokens == "pictures"
    of_layout = {"tokens": "coarse", **PICTURES} if pictures else {"tokens": tokens}
    config = CONFIGS["generalist"] | of_layout | {"num_bins": 12} | config
    model = build_model("generalist", config, WITH_PICTURES if pictures else MIXED, "policies.p")
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    return model.eval()


def predict(model: nn.Module, states: Tensor, entries: Tensor, ids: Tensor = IDS) -> Tensor:
    return model(states, entries, ids, torch.full((len(states),), states.shape[1]))


def of_task(preds: Tensor, number: int) -> Tensor:
    """What is predicted of the task's own choices or entries."""
    return preds[..., : TASKS[number].action_dim]


def play(model: nn.Module, ids: Tensor, states: Tensor, entries: Tensor):
    memory = model.begin(len(ids))
    memory.task_ids = ids.clone()
    return roll_out(model, memory, states, entries)


# Playing


@each_layout
@torch.inference_mode()
def test_mixed_rows_play_as_the_full_pass_says(tokens: str) -> None:
    """Nine steps at a context of four: the ring has gone round. What is executed is not what was decided."""
    model, (states, executed) = build(tokens), draw_mixed(IDS, STEPS)
    preds = predict(model, states, executed)
    decision = play(model, IDS, states, executed)
    for row, number in enumerate(IDS.tolist()):
        task, decided = TASKS[number], decision.actions[row]
        if task.discrete_actions:
            assert decided[:, 0].tolist() == preds[row].argmax(-1).tolist()
            assert (decided[:, 1:] == 0).all()
        elif tokens != "fine":
            torch.testing.assert_close(decided, of_task(preds[row], number), atol=1e-5, rtol=1e-5)
        else:  # the second entry follows the first that was decided, not the one that was executed
            assert torch.equal(decided[:, 0], preds[row, :, 0])
        if decision.predictions is not None:
            torch.testing.assert_close(
                of_task(decision.predictions[row], number), of_task(preds[row], number), atol=1e-5, rtol=1e-5
            )


@torch.inference_mode()
def test_all_entries_of_a_vector_are_the_full_passes_where_what_is_decided_is_executed() -> None:
    model, ids = build("fine"), torch.tensor([2, 2, 1])
    states, executed = draw_mixed(ids, STEPS)
    memory, decided = model.begin(3), []
    memory.task_ids = ids.clone()
    for time, step in enumerate(steps_of(states, executed)):
        executed[:, time] = model.act(memory, step).actions
        decided.append(executed[:, time].clone())
    preds = predict(model, states, executed, ids)
    assert torch.equal(torch.stack(decided, dim=1)[:2], preds[:2, :, :2])
    assert len(torch.stack(decided, dim=1)[:2, :, 1].unique()) > 1


@torch.inference_mode()
def test_a_third_entry_follows_the_first_two() -> None:
    long = replace(NARROW, action_low=(-1.0,) * 3, action_high=(1.0,) * 3)
    torch.manual_seed(0)
    interface = Interface((tiny_interface(long).task,))
    model = build_model("generalist", CONFIGS["generalist"] | {"tokens": "fine", "num_bins": 12}, interface, "p").eval()
    for weights in model.parameters():
        if weights.ndim > 1:
            weights.add_(torch.randn_like(weights), alpha=0.4)
    states, executed, memory, decided = torch.randn(2, STEPS, 2), torch.zeros(2, STEPS, 3), model.begin(2), []
    for time, step in enumerate(steps_of(states, executed)):
        executed[:, time] = model.act(memory, step).actions
        decided.append(executed[:, time].clone())
    preds = predict(model, states, executed, torch.zeros(2, dtype=torch.int64))
    assert torch.equal(torch.stack(decided, dim=1), preds)
    assert all(len(preds[..., entry].unique()) > 1 for entry in range(3))


@each_layout
@torch.inference_mode()
def test_a_row_plays_among_other_tasks_as_alone_and_after_others_have_left(tokens: str) -> None:
    model, (states, executed) = build(tokens), draw_mixed(IDS, STEPS)
    together = play(model, IDS, states, executed).actions
    for row in range(len(IDS)):
        own = slice(row, row + 1)
        alone = play(model, IDS[own], states[own], executed[own]).actions
        torch.testing.assert_close(alone, together[own], atol=1e-5, rtol=1e-5)
    memory, kept = model.begin(len(IDS)), torch.tensor([5, 1, 0])
    memory.task_ids = IDS.clone()
    for time, step in enumerate(steps_of(states, executed)):
        if time == 3:
            memory.keep(kept)
        if time >= 3:
            step = type(step)(*(part[kept] for part in vars(step).values()))
        actions = model.act(memory, step).actions
    torch.testing.assert_close(actions, together[kept, -1], atol=1e-5, rtol=1e-5)
    assert memory.task_ids.tolist() == [2, 1, 0]


@each_layout
@torch.inference_mode()
def test_drawn_actions_are_of_the_rows_tasks(tokens: str) -> None:
    model, (states, executed) = build(tokens), draw_mixed(IDS, 40)
    memory, generator = model.begin(len(IDS)), torch.Generator().manual_seed(0)
    memory.task_ids = IDS.clone()
    drawn = roll_out(model, memory, states, executed, generator).actions
    for row, number in enumerate(IDS.tolist()):
        if TASKS[number].discrete_actions:
            assert set(drawn[row, :, 0].tolist()) <= set(range(TASKS[number].action_dim))
            assert len(drawn[row, :, 0].unique()) > 1
        else:
            assert len(drawn[row, :, 1].unique()) > 1


# What rows of different tasks know of each other


@each_layout
@torch.inference_mode()
def test_the_order_of_rows_changes_nothing(tokens: str) -> None:
    model, (states, executed) = build(tokens), draw_mixed(IDS, STEPS)
    order = torch.tensor([3, 5, 0, 2, 4, 1])
    preds, shuffled = predict(model, states, executed), predict(model, states[order], executed[order], IDS[order])
    torch.testing.assert_close(shuffled, preds[order], atol=1e-6, rtol=1e-6)
    batch = mixed_batch(IDS, [9, 4, 9, 7, 1, 5])
    permuted = Batch(
        {name: values[order] for name, values in batch.columns.items()}, *(each[order] for each in masks(batch))
    )
    one, other = (model.losses(each, torch.Generator()).objective() for each in (batch, permuted))
    torch.testing.assert_close(one, other)


def masks(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    return batch.seq_lens, batch.mask, batch.value_mask


@each_layout
def test_another_tasks_numbers_never_reach_a_row(tokens: str) -> None:
    model, (states, executed) = build(tokens), draw_mixed(IDS, STEPS)
    states.requires_grad_()
    if tokens != "fine":  # bins have no gradient
        predict(model, states, executed)[0].sum().backward()
        reached = states.grad.abs().sum((1, 2)) > 0
        assert reached.tolist() == [True] + [False] * 5
        assert (states.grad[0, :, 3:] == 0).all()
    before = predict(model, states.detach(), executed).detach()
    with torch.no_grad():
        others = draw_mixed(IDS, STEPS, seed=7)
        changed = [
            torch.where((IDS == 0)[:, None, None], one, other)
            for one, other in zip((states, executed), others, strict=True)
        ]
        after = predict(model, *changed)
    assert torch.equal(before[IDS == 0], after[IDS == 0])
    assert not torch.equal(before[IDS == 1], after[IDS == 1])


@each_layout
def test_a_tasks_loss_moves_no_weights_of_another(tokens: str) -> None:
    model, batch = build(tokens), mixed_batch(IDS, [9] * 6)
    only = replace(batch, mask=batch.mask & (IDS == 1)[:, None])
    model.losses(only, torch.Generator()).objective().backward()
    per_task = [
        weights
        for name, weights in model.named_parameters()
        if name.startswith("tokens.") and weights.ndim > 1 and len(weights) == len(TASKS) and "map" not in name
    ]
    assert per_task
    for weights in per_task:
        assert (weights.grad[[0, 2]] == 0).all()
    if tokens != "fine":
        assert all((weights.grad == 0).all() for weights in model.head.mean.maps[0].parameters())
    without = {name for name, weights in model.named_parameters() if weights.grad is None}
    assert without == {"tokens.dropped_token"}  # the same at every step, as training by several processes wants


def test_a_loss_of_tasks_without_pictures_moves_none_of_their_weights() -> None:
    model, batch = build("pictures"), mixed_batch(IDS, [9] * 6)
    only = replace(batch, mask=batch.mask & (IDS != 1)[:, None])
    model.losses(only, torch.Generator()).objective().backward()
    weights = list(model.tokens.images.parameters())
    assert len(weights) == 5 and all((each.grad == 0).all() for each in weights)


@each_layout
@torch.inference_mode()
def test_what_a_task_does_not_have_is_not_read(tokens: str) -> None:
    model = build(tokens)
    zeros, others = (draw_mixed(IDS, STEPS, padding=padding) for padding in (0.0, 33.0))
    assert not torch.equal(zeros[0], others[0])
    assert torch.equal(predict(model, *zeros), predict(model, *others))
    played = [play(model, IDS, *each).actions for each in (zeros, others)]
    assert torch.equal(*played)
    losses = [
        model.losses(mixed_batch(IDS, [9, 4, 9, 7, 1, 5], padding), torch.Generator()).objective()
        for padding in (0.0, 33.0)
    ]
    assert torch.equal(*losses)


@torch.inference_mode()
def test_tokens_that_a_task_does_not_have_are_seen_by_none_of_its_rows() -> None:
    """Whatever would stand in their places."""
    model, (states, executed) = build("fine"), draw_mixed(IDS, STEPS)
    before, played = predict(model, states, executed), play(model, IDS, states, executed).actions
    model.tokens.component_vectors[0, 3:] += 5.0
    model.tokens.entry_vectors[:2, 1:] += 5.0
    model.tokens.component_vectors[2, 2:] += 5.0
    assert torch.equal(predict(model, states, executed), before)
    assert torch.equal(play(model, IDS, states, executed).actions, played)
    model.tokens.component_vectors[0, 2] += 5.0
    assert not torch.equal(predict(model, states, executed), before)


@torch.inference_mode()
def test_pictures_are_seen_by_rows_that_have_them_alone() -> None:
    model, (states, executed) = build("pictures"), draw_mixed(IDS, STEPS)
    before, played = predict(model, states, executed), play(model, IDS, states, executed).actions
    model.tokens.images.token_map.bias += torch.linspace(-5.0, 5.0, 8)
    after, now_played = predict(model, states, executed), play(model, IDS, states, executed).actions
    assert torch.equal(after[IDS != 1], before[IDS != 1]) and torch.equal(now_played[IDS != 1], played[IDS != 1])
    assert not torch.allclose(after[IDS == 1], before[IDS == 1], atol=1e-2)


def test_a_model_of_pictures_without_any_is_one_of_numbers_and_says_so(recwarn: pytest.WarningsRecorder) -> None:
    """So that what starts from a model of pictures may be of a task that has none."""
    torch.manual_seed(0)
    told = build_model("generalist", CONFIGS["generalist"] | PICTURES, MIXED, "policies.p")
    torch.manual_seed(0)
    untold = build_model("generalist", CONFIGS["generalist"], MIXED, "policies.p")
    assert all(map(torch.equal, told.parameters(), untold.parameters()))
    assert told.tokens_per_step == untold.tokens_per_step == 2
    untold.fit({})
    build("pictures").fit({})
    assert not recwarn.list
    with pytest.warns(UserWarning, match="image_shape: no task has a picture, components from pixels_0 or grid_0 on"):
        told.fit({})


@each_layout
@torch.inference_mode()
def test_which_task_it_is_changes_what_is_done(tokens: str) -> None:
    """Two tasks that look alike are told apart by their vectors, if by nothing else."""
    model, twins = build_twins(tokens), torch.tensor([0, 1])
    states, executed = draw_mixed(torch.tensor([1, 1]), STEPS)
    states[1], executed[1] = states[0], executed[0]
    preds = predict(model, states, executed[..., :1], twins)
    torch.testing.assert_close(preds[0], preds[1])
    model.tokens.task_vectors[1] += torch.randn(model.tokens.task_vectors.shape[1])
    preds = predict(model, states, executed[..., :1], twins)
    assert not torch.allclose(preds[0], preds[1], atol=1e-2)


# Losses


@torch.inference_mode()
def test_coarse_rows_cost_what_a_single_task_costs() -> None:
    batch = mixed_batch(IDS, [9, 4, 9, 7, 1, 5])
    squared = build("coarse", continuous_loss="mse")
    losses = squared.losses(batch, torch.Generator())
    preds, total, count = losses.predictions, 0.0, 0
    for row, number in enumerate(IDS.tolist()):
        real = batch.mask[row]
        own, label = of_task(preds[row], number)[real], batch["label"][row][real]
        if TASKS[number].discrete_actions:
            total += float(functional.cross_entropy(own, label[:, 0].long(), reduction="sum"))
        else:
            total += float((own - label).square().mean(-1).sum())
        count += int(real.sum())
    assert float(losses.terms["action"].mean) == pytest.approx(total / count, rel=1e-5)
    assert preds[0, :, 3].tolist() == [-torch.inf] * STEPS  # there is no fourth choice


@torch.inference_mode()
def test_coarse_vectors_may_cost_a_gaussians_likelihood() -> None:
    model, ids = build("coarse"), torch.tensor([2])
    batch = mixed_batch(ids, [6])
    preds, log_std, _ = model._predict(batch["observation"], batch["action"], ids)
    gaussian = torch.distributions.Normal(preds[..., :2], log_std[..., :2].exp())
    expected = -gaussian.log_prob(batch["label"]).sum(-1).mean()
    torch.testing.assert_close(model.losses(batch, torch.Generator()).objective(), expected)


@torch.inference_mode()
def test_fine_rows_cost_the_bins_of_their_own_entries() -> None:
    model = build("fine")
    for number, task in enumerate(TASKS):
        ids = torch.tensor([number])
        batch = mixed_batch(ids, [5])
        logits, _, _ = model._predict(batch["observation"], batch["action"], ids)
        total = 0.0
        for entry in range(task.num_entries):
            values = batch["label"][0, :, entry]
            places = values.long() if task.discrete_actions else ((values + 1) / 2 * 11).round().long()
            size = task.action_dim if task.discrete_actions else 12
            total += float(functional.cross_entropy(logits[0, :, entry, :size], places))
        assert float(model.losses(batch, torch.Generator()).objective()) == pytest.approx(total, rel=1e-5)


# What is refused


@pytest.mark.parametrize("ids", [[0, 3], [-1, 0]])
def test_a_task_that_is_none_of_the_models_is_refused(ids: list[int]) -> None:
    model, (states, executed) = build("coarse"), draw_mixed(torch.tensor([0, 0]), STEPS)
    with refused(ValueError, "task_ids: expected from 0 to 2, got"):
        predict(model, states, executed, torch.tensor(ids))


def test_a_choice_beyond_the_tasks_own_is_refused() -> None:
    model, (states, executed) = build("coarse"), draw_mixed(torch.tensor([0, 1]), STEPS)
    executed[:, 0, 0] = 3
    with refused(ValueError, "actions: expected from 0 to 2, got"):
        predict(model, states, executed, torch.tensor([0, 1]))
    assert predict(model, states, executed, torch.tensor([1, 1])).shape == (2, STEPS, 4)


def test_rows_of_other_widths_are_refused() -> None:
    model, ids = build("fine"), torch.tensor([0])
    states, executed = draw_mixed(ids, STEPS)
    with refused(ValueError, "states: expected 5 entries a step"):
        predict(model, states[..., :3], executed, ids)
    with refused(ValueError, "actions: expected 2 entries a step"):
        predict(model, states, executed[..., :1], ids)
    with refused(ValueError, "task_ids: expected shape (1,)"):
        predict(model, states, executed, torch.tensor([0, 0]))
    with refused(ValueError, f"actions: expected 1 rows of {STEPS} steps as in states"):
        predict(model, states, executed[:, 1:], ids)


@pytest.mark.parametrize("family", [name for name in CONFIGS if name != "generalist"])
def test_a_family_of_one_task_refuses_several(family: str) -> None:
    with refused(ParameterError, "policies.p.family: expected one that learns several tasks, of which there are 3"):
        build_model(family, CONFIGS[family], MIXED, "policies.p")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"tokens": "medium"}, "policies.p.model.tokens"),
        ({"action_dropout": 1.5}, "policies.p.model.action_dropout: expected a chance from 0 to 1, got 1.5"),
        ({"tokens": "fine", "num_bins": 1}, "policies.p.model.num_bins: expected at least 2, got 1"),
        (PICTURES | {"tokens": "fine"}, "policies.p.model.image_shape: expected null with fine tokens"),
        (
            {"patch_dim": 3},
            "policies.p.model.image_shape, patch_size, patch_dim: expected all or none, got None, None and 3",
        ),
        (
            PICTURES | {"image_shape": [2, 2]},
            "policies.p.model.image_shape: expected rows, columns and channels, got [2, 2]",
        ),
        (
            PICTURES | {"patch_size": 3},
            "policies.p.model.patch_size: expected a divisor of 2 rows and 2 columns, got 3",
        ),
        (PICTURES | {"patch_dim": 0}, "policies.p.model.patch_dim: expected at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_a_sentence(config: dict, sentence: str) -> None:
    with refused(ParameterError, sentence):
        build_model("generalist", CONFIGS["generalist"] | config, MIXED, "policies.p")
