"""The Decision Transformer: cached playing equals the full pass, returns-to-go those of training, nothing is seen early."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.builders import refused
from tests.models.rows import batch_of, with_columns
from understudy.errors import DataError
from understudy.models.decision_transformer import DecisionTransformer
from understudy.sequences.batch import Batch
from understudy.step import Step

MEAN, STD = 10.0, 4.0
STEPS, ROWS = 9, 3


def build(discrete: bool = True, **options) -> DecisionTransformer:
    torch.manual_seed(0)
    given = {"return_scale": (MEAN, STD), "return_quantiles": (0.0, 10.0, 30.0), **options}
    model = DecisionTransformer(3, 2, 16, 2, 2, 32, 12, discrete, **given)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.3)
    return model.eval()


def draw(discrete: bool) -> tuple[Tensor, Tensor, Tensor]:
    """States (B, T, S), actions (B, T, ...) and raw rewards (B, T)."""
    torch.manual_seed(1)
    states = torch.randn(ROWS, STEPS, 3)
    actions = torch.randint(2, (ROWS, STEPS)) if discrete else 2 * torch.rand(ROWS, STEPS, 2) - 1
    return states, actions, torch.randn(ROWS, STEPS) * 5


def to_go(rewards: Tensor) -> Tensor:
    """Normalised returns-to-go (B, T), as sequences/returns.py has them: a sum from each step to the end."""
    raw = torch.stack([rewards[:, time:].sum(1) for time in range(rewards.shape[1])], dim=1)
    return (raw - MEAN) / STD


def steps_of(states: Tensor, actions: Tensor, rewards: Tensor):
    for time in range(states.shape[1]):
        before = (actions[:, time - 1], rewards[:, time - 1]) if time else (actions[:, 0] * 0, rewards[:, 0] * 0)
        yield Step(states[:, time], *before, torch.full((len(states),), time == 0))


KINDS = [
    {"discrete": discrete, "state_differences": differences, "context": context}
    for discrete, differences, context in itertools.product((True, False), (0, 1, 3), (1, 4, 12))
]
KINDS += [{"discrete": discrete, "attention": kind} for discrete in (True, False) for kind in ("performer", "elu")]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


@each_kind
@torch.inference_mode()
def test_played_step_by_step_it_predicts_what_the_full_pass_does(kind: dict) -> None:
    """Each row is asked for the return that it gets, so that its return-to-go is that of a training row."""
    model, (states, actions, rewards) = build(**kind), draw(kind["discrete"])
    expected = model(states, to_go(rewards), actions, torch.full((ROWS,), STEPS))
    for row in range(ROWS):
        own = [each[row : row + 1] for each in (states, actions, rewards)]
        target = float(own[2].sum())
        with pytest.warns(UserWarning) if not 0 <= target <= 30 else torch.inference_mode():
            memory = model.begin(1, target_return=target)
        played = torch.cat([model.act(memory, step).predictions for step in steps_of(*own)])
        torch.testing.assert_close(played, expected[row], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_an_experts_return_is_predicted_from_the_state_and_then_fed() -> None:
    """The reference feeds a full pass with what the distribution said at every step before."""
    model, (states, actions, rewards) = build(return_bins=8), draw(True)
    memory = model.begin(ROWS, target_return="expert", kappa=3.0)
    played = torch.stack([model.act(memory, step).predictions for step in steps_of(states, actions, rewards)], dim=1)
    fed = torch.zeros(ROWS, STEPS)
    for time in range(STEPS):
        features = model.trunk(*model._tokens(states, fed, actions, None))[:, 3 * time]
        fed[:, time] = model.returns.expert(features, 3.0)
    torch.testing.assert_close(played, model(states, fed, actions, torch.full((ROWS,), STEPS)), atol=1e-4, rtol=1e-4)
    assert len(fed.unique()) > 2


@torch.inference_mode()
def test_what_has_been_paid_is_taken_off_with_the_next_step() -> None:
    """A row that is asked for what it has just been paid has nothing left to get, and acts as one that is asked for nothing."""
    model, (states, actions, _) = build(context=1), draw(True)
    paid = torch.zeros(ROWS, STEPS)
    paid[:, 2] = 25.0
    rewarded, unpaid = model.begin(ROWS, target_return=25.0), model.begin(ROWS, target_return=0.0)
    pairs = zip(steps_of(states, actions, paid), steps_of(states, actions, 0 * paid), strict=True)
    alike = [
        torch.equal(model.act(rewarded, one).predictions, model.act(unpaid, other).predictions) for one, other in pairs
    ]
    assert alike == [False] * 3 + [True] * (STEPS - 3)


def batch(discrete: bool = True) -> Batch:
    states, actions, rewards = draw(discrete)
    columns = {"observation": states, "action": actions, "label": actions.flip(0), "return_to_go": to_go(rewards)}
    return batch_of(torch.full((ROWS,), STEPS), **columns)


@pytest.mark.parametrize("bins", [0, 8])
def test_no_prediction_depends_on_what_is_not_due(bins: int) -> None:
    """By the gradient of each step's prediction: not on its own action nor on anything later, but on its state and return."""
    model = build(False, return_bins=bins)
    states, actions, rewards = (each.requires_grad_() for each in draw(False))
    returns = to_go(rewards).detach().requires_grad_()
    preds = model(states, returns, actions, torch.full((ROWS,), STEPS))
    for time in range(STEPS):
        of_states, of_returns, of_actions = torch.autograd.grad(
            preds[:, time].square().sum(), (states, returns, actions), retain_graph=True
        )
        assert not of_actions[:, time:].any()
        assert not of_states[:, time + 1 :].any()
        assert not of_returns[:, time + 1 :].any()
        assert of_states[:, time].any() and of_returns[:, time].any()
        assert time == 0 or of_actions[:, time - 1].any()


def test_the_return_is_predicted_from_what_comes_before_it() -> None:
    model, rows = build(return_bins=8), batch()
    changed = rows["return_to_go"].clone()
    changed[:, 4] += 0.01  # within its bin, or the loss would be another one's
    tokens = [
        model._tokens(rows["observation"], returns, rows["action"], None) for returns in (rows["return_to_go"], changed)
    ]
    one, other = (model.trunk(*each)[:, 0::3] for each in tokens)
    assert torch.equal(one[:, :5], other[:, :5])
    assert not torch.equal(one[:, 5:], other[:, 5:])


@torch.no_grad()
def test_losses_are_those_of_actions_and_returns() -> None:
    model, rows = build(return_bins=8), batch()
    losses = model.losses(rows, torch.Generator())
    preds = model(rows["observation"], rows["return_to_go"], rows["action"], rows.seq_lens)
    nll = -preds.log_softmax(-1).gather(-1, rows["label"][..., None])[..., 0]
    torch.testing.assert_close(losses.terms["action"].mean, nll.mean())
    torch.testing.assert_close(losses.predictions, preds)
    assert losses.terms["return"].weight == 0.1
    tokens = model._tokens(rows["observation"], rows["return_to_go"], rows["action"], None)
    logs = model.returns(model.trunk(*tokens)[:, 0::3]).log_softmax(-1)
    bins = ((rows["return_to_go"] + 4) / 8 * 8).floor().clamp(0, 7).long()
    torch.testing.assert_close(losses.terms["return"].mean, -logs.gather(-1, bins[..., None]).mean())
    unknown = replace(
        rows, value_mask=torch.zeros_like(rows.mask)
    )  # cut off by a limit: the fed returns are learned all the same
    assert torch.equal(model.losses(unknown, torch.Generator()).terms["return"].mean, losses.terms["return"].mean)
    alone = build().losses(rows, torch.Generator())
    assert set(alone.terms) == {"action"}


def test_past_actions_are_withheld_in_training_and_at_no_other_time() -> None:
    """All of them: then the actions of the batch do not matter."""
    model, rows = build(action_dropout=1.0), batch()
    other = with_columns(rows, action=1 - rows["action"])

    def predictions(given: Batch) -> Tensor:
        return model.losses(given, torch.Generator().manual_seed(0)).predictions

    assert not torch.equal(predictions(rows), predictions(other))
    model.train()
    assert torch.equal(predictions(rows), predictions(other))


def test_a_window_sees_no_further_than_its_context() -> None:
    model, rows = build(context=3), batch()
    early = rows["return_to_go"].clone()
    early[:, 0] += 5
    one, other = (
        model.losses(with_columns(rows, return_to_go=returns), torch.Generator()).predictions
        for returns in (rows["return_to_go"], early)
    )
    assert not torch.equal(one[:, :5], other[:, :5])
    assert torch.equal(one[:, 5:], other[:, 5:])  # two layers look back 2 * (3 - 1) steps


def test_an_expert_needs_a_distribution() -> None:
    with pytest.raises(ValueError, match="target_return: expected a number or a quantile, since return_bins is 0"):
        build().begin(1, target_return="expert")


@pytest.mark.parametrize("kappa", [-1.0, math.nan, math.inf])
def test_kappa_is_a_finite_number_from_zero(kappa: float) -> None:
    with pytest.raises(ValueError, match=f"kappa: expected a finite number from 0, got {kappa}"):
        build(return_bins=8).begin(1, target_return="expert", kappa=kappa)


def test_without_rewards_there_are_no_returns_to_learn_from() -> None:
    with refused(DataError, "decision_transformer: expected recordings with rewards"):
        build().fit({"reward": torch.zeros(5)})
    build().fit({"reward": torch.tensor([0.0, 1.0])})


@pytest.mark.parametrize(("name", "value"), [("return_bins", -1), ("return_weight", -0.5)])
def test_sizes_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="return_bins, return_weight: expected at least 0 each"):
        build(**{name: value})
    with pytest.raises(ValueError, match=r"returns_to_go: expected shape \(3, 9\), got \(3, 8\)"):
        states, actions, rewards = draw(True)
        build()(states, rewards[:, 1:], actions, torch.full((ROWS,), STEPS))
    with pytest.raises(ValueError, match="seq_lens: expected shape"):
        build()(states, to_go(rewards), actions, torch.full((ROWS + 1,), STEPS))
    with pytest.raises(ValueError, match="state_dim: expected at least 1, got 0"):
        DecisionTransformer(0, 2, 16, 2, 2, 32, 12, True, return_scale=(MEAN, STD))
    assert build(return_weight=0.0).return_weight == 0
