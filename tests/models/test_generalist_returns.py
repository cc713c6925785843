"""The generalist told which return is to come: cached playing equals the full pass, each row by the scale of its own task."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.builders import refused
from tests.mixed import PICTURES, SPECS, TASKS, WITH_PICTURES, draw_mixed
from tests.models.rows import batch_of
from tests.toys import CONFIGS
from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.step import Step

IDS, STEPS = torch.tensor([0, 1, 2, 1, 0, 2]), 9
MEANS, STDS = torch.tensor([10.0, -20.0, 0.0]), torch.tensor([4.0, 10.0, 0.5])
QUANTILES = ((0.0, 10.0, 30.0), (-100.0, -50.0, 0.0), (0.0, 1.0, 2.0))
# Tasks that pay in units of their own.
PAID, PAID_WITH_PICTURES = (
    Interface(
        tuple(
            replace(
                task,
                scales=replace(task.scales, return_mean=float(mean), return_std=float(std)),
                return_quantiles=quantiles,
            )
            for task, mean, std, quantiles in zip(tasks, MEANS, STDS, QUANTILES, strict=True)
        )
    )
    for tasks in (TASKS, WITH_PICTURES.tasks)
)

LAYOUTS = ("coarse", "fine", "pictures")
KINDS = [{"tokens": tokens, "context": context} for tokens in LAYOUTS for context in (1, 4, 12)]
KINDS += [{"tokens": tokens, "attention": "elu", "context": None} for tokens in LAYOUTS]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
each_layout = pytest.mark.parametrize("tokens", LAYOUTS)


def build(tokens: str = "coarse", **config: object) -> nn.Module:
    """A model of the three tasks; of "pictures" tokens are coarse."""
    torch.manual_seed(0)
    pictures = tokens == "pictures"
    of_layout = {"tokens": "coarse", **PICTURES} if pictures else {"tokens": tokens}
    config = CONFIGS["generalist"] | of_layout | {"num_bins": 12, "return_conditioned": True} | config
    model = build_model("generalist", config, PAID_WITH_PICTURES if pictures else PAID, "policies.p")
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    return model.eval()


def draw(ids: Tensor = IDS) -> tuple[Tensor, Tensor, Tensor]:
    """States (B, T, S), actions (B, T, E), and raw rewards (B, T) in the units of each row's task."""
    states, executed = draw_mixed(ids, STEPS)
    return states, executed, torch.randn(len(ids), STEPS) * STDS[ids, None]


def to_go(rewards: Tensor, ids: Tensor = IDS) -> Tensor:
    """Normalised returns-to-go (B, T)."""
    raw = torch.stack([rewards[:, time:].sum(1) for time in range(rewards.shape[1])], dim=1)
    return (raw - MEANS[ids, None]) / STDS[ids, None]


def steps_of(states: Tensor, actions: Tensor, rewards: Tensor):
    for time in range(states.shape[1]):
        before = (actions[:, time - 1], rewards[:, time - 1]) if time else (actions[:, 0] * 0, rewards[:, 0] * 0)
        yield Step(states[:, time], *before, torch.full((len(states),), time == 0))


def full_pass(model: nn.Module, states: Tensor, actions: Tensor, returns: Tensor, ids: Tensor = IDS) -> Tensor:
    return model(states, actions, ids, torch.full((len(states),), states.shape[1]), returns)


def play(model: nn.Module, ids: Tensor, drawn: tuple[Tensor, Tensor, Tensor], **settings: object) -> Tensor:
    """Actions (B, T, E)."""
    memory = model.begin(len(ids), **settings)
    memory.task_ids = ids.clone()
    return torch.stack([model.act(memory, step).actions for step in steps_of(*drawn)], dim=1)


def decided(preds: Tensor, ids: Tensor) -> Tensor:
    """The first entry (B, T) of the likeliest actions that predictions (B, T, P) of the full pass say."""
    is_choice = torch.tensor([task.discrete_actions for task in TASKS])[ids]
    return torch.where(is_choice[:, None], preds.argmax(-1).float(), preds[..., 0])


# Playing


@each_kind
@torch.inference_mode()
def test_mixed_rows_play_for_their_own_tasks_return_as_the_full_pass_says(kind: dict) -> None:
    """All rows are asked for one quantile, another raw return in each task; what they then get is another in each row."""
    model, drawn = build(**kind), draw()
    targets = torch.tensor([20.0, -25.0, 1.5])  # between the last two quantiles of each
    paid = torch.cat([torch.zeros(len(IDS), 1), drawn[2][:, :-1].cumsum(1)], dim=1)
    returns = (targets[IDS, None] - paid - MEANS[IDS, None]) / STDS[IDS, None]
    preds = full_pass(model, *drawn[:2], returns)
    actions = play(model, IDS, drawn, target_return={"quantile": 0.75})
    torch.testing.assert_close(actions[..., 0], decided(preds, IDS), atol=1e-4, rtol=1e-4)
    other = play(model, IDS, drawn, target_return={"quantile": 0.0})
    assert not torch.equal(actions, other)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind["context"] != 12], ids=str)
@torch.inference_mode()
def test_an_experts_return_is_predicted_from_what_is_observed_and_then_fed(kind: dict) -> None:
    """The reference feeds full passes with what the distribution said at every step before."""
    model, drawn = build(**kind, return_bins=8), draw()
    actions = play(model, IDS, drawn, target_return="expert", kappa=3.0)
    fed = torch.zeros(len(IDS), STEPS)
    for time in range(STEPS):
        _, _, told = model._predict(drawn[0], drawn[1], IDS, returns_to_go=fed)
        centres = torch.arange(8) - 3.5
        fed[:, time] = centres[(told[:, time].log_softmax(-1) + 3.0 * (centres + 4) / 8).argmax(-1)]
    torch.testing.assert_close(actions[..., 0], decided(full_pass(model, *drawn[:2], fed), IDS), atol=1e-4, rtol=1e-4)
    assert len(fed.unique()) > 2


@each_layout
@torch.inference_mode()
def test_a_row_plays_among_other_tasks_as_alone_and_after_others_have_left(tokens: str) -> None:
    model, drawn, kept = build(tokens, return_bins=8), draw(), torch.tensor([5, 1, 0])
    for target in ({"quantile": 0.5}, "expert"):
        together = play(model, IDS, drawn, target_return=target)
        for row in range(len(IDS)):
            own = slice(row, row + 1)
            alone = play(model, IDS[own], tuple(each[own] for each in drawn), target_return=target)
            torch.testing.assert_close(alone, together[own], atol=1e-5, rtol=1e-5)
        memory = model.begin(len(IDS), target_return=target)
        memory.task_ids = IDS.clone()
        for time, step in enumerate(steps_of(*drawn)):
            if time == 3:
                memory.keep(kept)
            if time >= 3:
                step = Step(*(part[kept] for part in vars(step).values()))
            actions = model.act(memory, step).actions
        torch.testing.assert_close(actions, together[kept, -1], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_rows_next_episode_has_been_paid_nothing() -> None:
    model, drawn = build(), draw()
    memory = model.begin(len(IDS), target_return={"quantile": 0.5})
    memory.task_ids = IDS.clone()
    steps = list(steps_of(*drawn))
    before = [model.act(memory, step).actions for step in steps]
    memory.reset(torch.arange(len(IDS)))
    torch.testing.assert_close(model.act(memory, steps[0]).actions, before[0], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_all_that_was_paid_counts_the_terminal_reward_too() -> None:
    model, (states, executed, _) = build(), draw()
    rewards = torch.zeros(len(IDS), STEPS)
    rewards[:, 2] = 25.0
    memory = model.begin(len(IDS), target_return=25.0)
    paid = []
    for step in list(steps_of(states, executed, rewards))[:4]:
        model.act(memory, step)
        paid.append(memory.tensors["reward_so_far"][0].item())
    assert paid == [0.0, 0.0, 0.0, 25.0]


# What a prediction depends on


def test_no_prediction_depends_on_what_is_not_due() -> None:
    """Not on its own action nor on anything later, nor on another row's return, but on its own return."""
    model, ids = build("coarse", return_bins=8, context=12), torch.tensor([2, 2])
    states, actions, rewards = draw(ids)
    states, actions, returns = (each.requires_grad_() for each in (states, actions, to_go(rewards, ids)))
    preds = full_pass(model, states, actions, returns, ids)
    for time in range(STEPS):
        of_states, of_returns, of_actions = torch.autograd.grad(
            preds[0, time, :2].square().sum(), (states, returns, actions), retain_graph=True
        )
        assert not of_actions[:, time:].any()
        assert not of_states[:, time + 1 :].any()
        assert not of_returns[:, time + 1 :].any()
        assert not of_returns[1].any()
        assert of_states[0, time].any() and of_returns[0, time].any()
        assert time == 0 or of_actions[0, time - 1].any()


@each_layout
@torch.inference_mode()
def test_the_return_is_predicted_from_what_comes_before_it(tokens: str) -> None:
    model, (states, executed, rewards) = build(tokens, return_bins=8), draw()
    changed = to_go(rewards)
    changed[:, 4] += 1.0
    (preds, _, one), (other_preds, _, other) = (
        model._predict(states, executed, IDS, returns_to_go=returns) for returns in (to_go(rewards), changed)
    )
    assert torch.equal(one[:, :5], other[:, :5])
    assert not torch.equal(one[:, 5:], other[:, 5:])
    assert torch.equal(preds[:, :4], other_preds[:, :4])
    assert not torch.equal(preds[:, 4], other_preds[:, 4])


# Losses


def batch(padding: float = 0.0) -> Batch:
    lengths = torch.tensor([9, 4, 9, 7, 1, 5])
    states, executed = draw_mixed(IDS, STEPS, 1, padding)
    _, labels = draw_mixed(IDS, STEPS, 2, padding)
    after = torch.arange(STEPS) >= lengths[:, None]
    returns = to_go(draw()[2]).masked_fill(after, padding)
    mask = ~after
    known = mask & (IDS != 1)[:, None]  # as where episodes were cut off, whose returns are fed and learned all the same
    columns = {"observation": states, "action": executed, "label": labels, "task": IDS, "return_to_go": returns}
    return batch_of(lengths, mask=mask, value_mask=known, **columns)


@each_layout
@torch.inference_mode()
def test_losses_are_those_of_actions_and_returns(tokens: str) -> None:
    model, rows = build(tokens, return_bins=8, return_weight=0.25), batch()
    losses = model.losses(rows, torch.Generator())
    preds, log_std, told = model._predict(rows["observation"], rows["action"], IDS, returns_to_go=rows["return_to_go"])
    by_step = model.head.step_losses(preds, log_std, rows["label"], IDS)
    torch.testing.assert_close(losses.terms["action"].mean, by_step[rows.mask].mean())
    bins = ((rows["return_to_go"] + 4) / 8 * 8).floor().clamp(0, 7).long()
    nll = -told.log_softmax(-1).gather(-1, bins[..., None])[..., 0]
    torch.testing.assert_close(losses.terms["return"].mean, nll[rows.mask].mean())
    torch.testing.assert_close(
        losses.objective(), by_step[rows.mask].mean() + 0.25 * nll[rows.mask].mean(), atol=1e-5, rtol=1e-5
    )
    assert set(build(tokens).losses(rows, torch.Generator()).terms) == {"action"}


@each_layout
@torch.inference_mode()
def test_padding_changes_no_loss(tokens: str) -> None:
    model = build(tokens, return_bins=8)
    zeros, others = (model.losses(batch(padding), torch.Generator()).objective() for padding in (0.0, 33.0))
    assert torch.equal(zeros, others)


@torch.inference_mode()
def test_another_rows_returns_never_reach_a_row() -> None:
    model, (states, executed, rewards) = build("fine", return_bins=8), draw()
    returns = to_go(rewards)
    changed = torch.where((IDS == 0)[:, None], returns, returns + 1.0)
    before, after = (full_pass(model, states, executed, each) for each in (returns, changed))
    assert torch.equal(before[IDS == 0], after[IDS == 0])
    assert not torch.equal(before[IDS == 1], after[IDS == 1])


def test_the_columns_that_are_read_are_those_of_what_it_is_told() -> None:
    plain = build(return_conditioned=False)
    assert build().reads == plain.reads | {"return_to_go"}
    assert "return_to_go" not in plain.reads


def test_weights_without_returns_are_as_if_there_were_none() -> None:
    """So that what was trained before stays as it is."""
    plain, told = (
        build_model("generalist", CONFIGS["generalist"] | more, PAID, "policies.p")
        for more in ({}, {"return_conditioned": True, "return_bins": 8})
        if torch.manual_seed(0)
    )
    assert told.state_dict().keys() - plain.state_dict().keys() == {
        f"returns.{name}.{kind}" for name in ("embed.project", "distribution.predict") for kind in ("weight", "bias")
    }
    assert all(torch.equal(weights, told.state_dict()[name]) for name, weights in plain.state_dict().items())


# What is asked for, and what is refused


def test_a_quantile_is_each_tasks_own_and_a_number_is_every_tasks() -> None:
    model = build()
    assert model.begin(1, target_return={"quantile": 0.5}).settings == {"targets": [10.0, -50.0, 1.0]}
    assert model.begin(1).settings["targets"] == pytest.approx([26.0, -10.0, 1.8])
    assert model.begin(1, target_return=12.0).settings == {"targets": [12.0] * 3}
    with pytest.warns(UserWarning, match="31 is outside of what the training episodes returned, -100 to 30"):
        model.begin(1, target_return=31.0)


def test_targets_that_mean_nothing_are_refused() -> None:
    with refused(ValueError, "target_return: expected null, since the model is not return_conditioned, got 3.0"):
        build(return_conditioned=False).begin(1, target_return=3.0)
    with refused(ValueError, "target_return: expected a number or a quantile, since return_bins is 0, got 'expert'"):
        build().begin(1, target_return="expert")
    with refused(ValueError, "target_return: expected a finite number, got inf"):
        build().begin(1, target_return=float("inf"))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"return_bins": -1}, "return_bins, return_weight: expected at least 0 each, got -1 and 0.1"),
        ({"return_weight": -0.5}, "return_bins, return_weight: expected at least 0 each, got 0 and -0.5"),
        (
            {"return_conditioned": False, "return_bins": 8},
            "return_bins: expected 0, since the model is not return_conditioned, got 8",
        ),
    ],
)
def test_settings_that_make_no_sense_are_a_sentence(config: dict, sentence: str) -> None:
    with refused(ParameterError, f"policies.p.model.{sentence}"):
        build(**config)


def test_a_model_is_told_returns_or_is_not() -> None:
    states, executed, rewards = draw()
    with refused(ValueError, "returns_to_go: expected shape (6, 9), got None"):
        full_pass(build(), states, executed, None)
    with refused(ValueError, "returns_to_go: expected shape (6, 9), got (6, 8)"):
        full_pass(build(), states, executed, to_go(rewards)[:, 1:])
    with refused(ValueError, "returns_to_go: expected shape None, got (6, 9)"):
        full_pass(build(return_conditioned=False), states, executed, to_go(rewards))


@torch.inference_mode()
def test_one_task_is_played_for_a_return_as_well() -> None:
    torch.manual_seed(0)
    alone = Interface(PAID.tasks[:1])
    model = build_model("generalist", CONFIGS["generalist"] | {"return_conditioned": True}, alone, "policies.p").eval()
    states = torch.randn(2, STEPS, len(SPECS[0].components))
    returns = torch.randn(2, STEPS)
    actions = torch.randint(4, (2, STEPS)).clamp(max=SPECS[0].action_dim - 1)
    ids = torch.zeros(2, dtype=torch.int64)
    preds, others = (full_pass(model, states, actions, each, ids) for each in (returns, returns + 1))
    assert not torch.equal(preds, others)
    memory = model.begin(2, target_return=20.0)
    steps = steps_of(states, actions, torch.zeros(2, STEPS))
    played = torch.stack([model.act(memory, step).predictions for step in steps], dim=1)
    constant = full_pass(model, states, actions, torch.full((2, STEPS), 2.5), ids)
    torch.testing.assert_close(played, constant, atol=1e-5, rtol=1e-5)
