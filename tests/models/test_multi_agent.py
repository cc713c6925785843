"""The multi-agent family: shapes, errors and losses, these against the formulas of a softmax and a Gaussian.

What an agent may see and how it plays stand in tests/contracts/test_agents.py.
"""

import math

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, steps_of, with_columns
from understudy.models.multi_agent import MultiAgentTransformer
from understudy.nn.heads import ActionHead
from understudy.sequences.batch import Batch
from understudy.step import Step

AGENTS = 3
IDS, LENGTHS = torch.tensor([[0, 1, 2], [0, 1, 2]]), torch.tensor([[6, 2, 1], [4, 0, 6]])  # one is absent


def build(discrete: bool = True, **options) -> MultiAgentTransformer:
    torch.manual_seed(0)
    return MultiAgentTransformer(3, 2, 16, 2, 2, 32, 12, discrete, 4, **options).eval()


def draw_rows(discrete: bool = True) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 3, 6, 3), torch.randint(2, (2, 3, 6)) if discrete else torch.randn(2, 3, 6, 2)


def draw_batch(discrete: bool = True) -> Batch:
    """Rows agent by agent, two times three."""
    (states, actions), (_, labels) = draw_rows(discrete), draw_rows(discrete)
    lengths = LENGTHS.flatten()
    mask = torch.arange(6) < lengths[:, None]
    known = mask & (torch.arange(6) < 3)[:, None]
    names = ("observation", "action", "label", "return_to_go")
    rows = (each.flatten(0, 1) for each in (states, actions, labels.flip(1), torch.randn(2, 3, 6)))
    columns = dict(zip(names, rows, strict=True))
    return batch_of(lengths, mask=mask, value_mask=known, num_agents=AGENTS, **columns)


def arguments(batch: Batch) -> dict[str, Tensor]:
    """What `forward` takes."""
    return {
        "states": batch["observation"].unflatten(0, (2, AGENTS)),
        "agent_ids": torch.where(LENGTHS > 0, IDS, -1),
        "actions": batch["action"].unflatten(0, (2, AGENTS)),
        "seq_lens": batch.seq_lens.unflatten(0, (2, AGENTS)),
        "agent_mask": LENGTHS > 0,
    }


def full_pass(model: MultiAgentTransformer, batch: Batch, **changes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return model(**arguments(batch) | changes)


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_actions_values_and_features_have_a_row_agent_and_step_each(discrete: bool) -> None:
    preds, values, features = full_pass(build(discrete), draw_batch(discrete))
    assert preds.shape == (2, 3, 6, 2)
    assert values.shape == (2, 3, 6)
    assert features.shape == (2, 3, 6, 16)


@torch.no_grad()
def test_predictions_come_from_the_features() -> None:
    model = build()
    preds, values, features = full_pass(model, draw_batch())
    assert torch.equal(model.action_head(features)[0], preds)
    assert torch.equal(model.value_head(features), values)


@torch.no_grad()
def test_who_an_agent_is_matters() -> None:
    model, batch = build(), draw_batch()
    assert not torch.equal(full_pass(model, batch)[0], full_pass(model, batch, agent_ids=IDS.flip(1))[0])


@torch.no_grad()
def test_an_untrained_agent_heeds_its_state_far_more_than_who_it_is_and_what_was_done() -> None:
    model, batch = build(), draw_batch()
    features = full_pass(model, batch)[2]

    def change(**changes: Tensor) -> float:
        return float((full_pass(model, batch, **changes)[2] - features)[LENGTHS > 0].abs().mean())

    of_state = change(states=-batch["observation"].unflatten(0, (2, AGENTS)))
    assert change(agent_ids=IDS.flip(1)) < 0.1 * of_state
    assert change(actions=1 - batch["action"].unflatten(0, (2, AGENTS))) < 0.1 * of_state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seq_lens": torch.zeros(2, 3, dtype=torch.int64)}, "seq_lens: expected lengths from 1 to 6, got 0 to 0"),
        ({"seq_lens": torch.full((2, 3), 7)}, "seq_lens: expected lengths from 1 to 6, got 7 to 7"),
        ({"agent_ids": torch.full((2, 3), 4)}, "agent_ids: expected from 0 to 3, got 4 to 4"),
        ({"states": torch.zeros(2, 5, 6, 3)}, "states: expected at most max_num_agents = 4 agents, got 5"),
        ({"states": torch.zeros(2, 3, 6, 7)}, r"states: expected 3 entries a step"),
        ({"actions": torch.full((2, 3, 6), 2)}, "actions: expected from 0 to 1, got 0 to 2"),
        ({"actions": torch.zeros(2, 3, 6)}, "actions: expected whole numbers, got torch.float32"),
        ({"actions": torch.zeros(2, 3, 6, 2)}, "actions: expected one choice a step"),
    ],
)
def test_rows_that_make_no_sense_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        full_pass(build(), draw_batch(), **changes)


def test_no_agents_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="max_num_agents: expected at least 1, got 0"):
        MultiAgentTransformer(3, 2, 16, 2, 2, 32, 12, True, 0)


def test_rows_that_are_not_environments_of_agents_are_refused() -> None:
    with pytest.raises(ValueError, match="num_rows: expected a multiple of 3 agents an environment, got 7"):
        build(num_agents=3).begin(7)


@pytest.mark.parametrize("agents", [0, 5])
def test_more_agents_than_there_may_be_are_refused(agents: int) -> None:
    with pytest.raises(ValueError, match=f"max_num_agents: expected at least the {agents} agents there are, got 4"):
        build(num_agents=agents)


def test_as_many_agents_play_as_there_may_be_unless_told_otherwise() -> None:
    assert build().begin(8).group == 4
    assert build(num_agents=2).begin(8).agent_ids.tolist() == [0, 1] * 4
    assert build(num_agents=2).begin(8).cache.valid.shape == (4, 13 * 4)  # of each step two tokens an agent


def test_apart_every_agent_has_a_row_of_the_cache_to_itself() -> None:
    memory = build(num_agents=2, attend_between_agents=False).begin(8)
    assert (memory.group, memory.agent_ids.tolist(), memory.cache.valid.shape) == (1, [0, 1] * 4, (8, 13 * 2))


@pytest.mark.parametrize("attends", [True, False])
@torch.no_grad()
def test_losses_of_choices_compare_labels_and_known_returns(attends: bool) -> None:
    model, batch = build(attend_between_agents=attends, value_weight=0.25), draw_batch()
    losses = model.losses(batch, torch.Generator())
    preds, values = (each.flatten(0, 1) for each in full_pass(model, batch)[:2])
    chosen = preds.log_softmax(-1).gather(-1, batch["label"][..., None])[..., 0]
    action, value = -chosen[batch.mask].mean(), (values - batch["return_to_go"])[batch.value_mask].square().mean()
    assert torch.equal(losses.predictions, preds)
    assert losses.terms.keys() == {"action", "value"}
    assert int(batch.mask.sum()) == 6 + 2 + 1 + 4 + 6
    torch.testing.assert_close(losses.terms["action"].mean, action)
    torch.testing.assert_close(losses.terms["value"].mean, value)
    assert torch.equal(losses.terms["action"].mask, batch.mask)
    assert torch.equal(losses.terms["value"].mask, batch.value_mask)
    torch.testing.assert_close(losses.objective(), action + 0.25 * value)


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_a_gaussian() -> None:
    model, batch = build(False), draw_batch(False)
    mean, log_std = model.action_head(full_pass(model, batch)[2].flatten(0, 1))
    squares = ((batch["label"] - mean) / log_std.exp()).square()
    densities = (-0.5 * squares - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    action = model.losses(batch, torch.Generator()).terms["action"].mean
    torch.testing.assert_close(action, -densities[batch.mask].mean())


def test_absent_agents_give_no_gradient() -> None:
    model, batch = build(), draw_batch()
    states = batch["observation"].requires_grad_()
    model.losses(batch, torch.Generator()).objective().backward()
    assert torch.equal((states.grad != 0).any(-1), batch.mask)


@torch.no_grad()
def test_where_every_action_is_dropped_none_matters() -> None:
    model, batch = build(action_dropout=1.0).train(), draw_batch()
    other = with_columns(batch, action=1 - batch["action"])
    dropped = model.losses(batch, torch.Generator()).predictions
    assert torch.equal(dropped, model.losses(other, torch.Generator()).predictions)
    assert not torch.equal(dropped, model.eval().losses(batch, torch.Generator()).predictions)


# Deciding in turn


def first_step(states: Tensor, actions: Tensor) -> Step:
    """The first step of rows (B * N)."""
    return next(steps_of(states.flatten(0, 1), actions.flatten(0, 1)))


@pytest.mark.parametrize("absent", [None, 0, 1, 2])
@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_an_agent_sees_what_those_before_it_have_decided_and_no_more(discrete: bool, absent: int | None) -> None:
    """Another action of the first agent changes what those after it predict, but not where it is absent."""
    model, (states, actions) = build(discrete, num_agents=3), draw_rows(discrete)
    plain, predictions = model.action_head, []
    for decided in (-0.5, 0.5):
        memory, agent = model.begin(6), iter(range(3))
        if absent is not None:
            memory.tensors["absent"].view(2, 3)[:, absent] = True

        def head(features: Tensor, agent=agent, decided=decided) -> tuple[Tensor, Tensor | None]:
            preds, log_std = plain(features)
            own = preds.new_tensor([-decided, decided]).expand_as(preds)
            return (own if next(agent) == 0 else preds), log_std

        model.action_head = Moved(head, plain)
        predictions.append(model.act(memory, first_step(states, actions)).predictions.view(2, 3, 2))
    differs = (predictions[0] != predictions[1]).any(-1)
    assert differs.tolist() == [[True, absent != 0, absent != 0]] * 2


class Moved(torch.nn.Module):
    """In place of an action head: `head` says what is predicted."""

    def __init__(self, head, plain: ActionHead) -> None:
        super().__init__()
        self.head, self.choose = head, plain.choose

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.head(features)


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_what_is_decided_is_what_the_next_agent_sees(discrete: bool, drawn: bool) -> None:
    """So the full pass over the decisions of a step predicts what they were chosen from, and no other decisions do."""
    model, (states, actions) = build(discrete, num_agents=3), draw_rows(discrete)
    generator = torch.Generator().manual_seed(3) if drawn else None
    decision = model.act(model.begin(6), first_step(states, actions), generator)
    preds, lengths, there = (
        decision.predictions.view(2, 3, 2),
        torch.ones(2, 3, dtype=torch.int64),
        torch.ones(2, 3) > 0,
    )
    decided = decision.actions.unflatten(0, (2, 3))[:, :, None]
    decided = decided if discrete else decided.clamp(-1, 1)  # as they will be executed
    expected = model(states[:, :, :1], IDS, decided, lengths, there)[0][:, :, 0]
    torch.testing.assert_close(preds, expected, atol=1e-5, rtol=0)
    other = model(states[:, :, :1], IDS, 1 - decided, lengths, there)[0][:, :, 0]
    assert torch.equal(other[:, 0], expected[:, 0])
    assert (other[:, 1:] != expected[:, 1:]).any(-1).all()
    likeliest = preds.argmax(-1) if discrete else preds
    assert torch.equal(decision.actions.unflatten(0, (2, 3)), likeliest) != drawn


@torch.no_grad()
def test_decisions_come_back_row_by_row_in_the_order_of_the_agents() -> None:
    """The order of agents is one that can be told: agent i of environment b wants action (b + i) % 2."""
    model = build(num_agents=3)
    wanted, decided = torch.tensor([[0, 1, 0], [1, 0, 1]]), iter(range(3))
    wants = Moved(lambda _: (torch.nn.functional.one_hot(wanted[:, next(decided)], 2).float(), None), model.action_head)
    model.action_head = wants
    decision = model.act(model.begin(6), first_step(*draw_rows()))
    assert decision.actions.tolist() == [0, 1, 0, 1, 0, 1]
    assert torch.equal(decision.predictions.argmax(-1), decision.actions)
    assert decision.options is None


@torch.no_grad()
def test_apart_agents_decide_as_if_each_were_on_its_own() -> None:
    model, (states, actions) = build(attend_between_agents=False, num_agents=3), draw_rows()
    together = model.act(model.begin(6), first_step(states, actions)).predictions.view(2, 3, 2)
    changed = states.clone()
    changed[:, 0] += 1.0
    others = model.act(model.begin(6), first_step(changed, actions)).predictions.view(2, 3, 2)
    assert (together != others).any(-1).tolist() == [[True, False, False]] * 2


def test_tokens_of_maps_are_named_by_kind_and_agent() -> None:
    given = arguments(draw_batch())
    maps = build().attention_maps(**given)
    names = ["state 0", "state 1", "state 2", "deciding 0", "deciding 1", "deciding 2"]
    assert maps.modalities == tuple(names * 6)
    assert [layer.shape for layer in maps.layers] == [(2, 2, 36, 36)] * 2
    assert (maps.layers[0][1, :, 2:, 1] == 0).all()  # the absent agent
    apart = build(attend_between_agents=False).attention_maps(**given)
    assert apart.modalities == ("state 0", "deciding 0") * 6
    assert apart.layers[0].shape == (6, 2, 12, 12)


@pytest.mark.parametrize("discrete", [True, False])
def test_training_and_playing_stay_on_the_models_device_and_wait_for_nothing(discrete: bool) -> None:
    meta = torch.device("meta")  # where to mix devices is an error, and so is to read a value
    model = build(discrete, action_dropout=0.5).train().to(meta)
    batch = draw_batch(discrete).to(meta)
    model.losses(batch, torch.Generator()).objective().backward()
    assert all(weights.grad.device == meta for weights in model.parameters())
    with torch.inference_mode():
        with meta:
            memory = model.begin(8)
        for step in steps_of(
            torch.zeros(8, 2, 3), torch.zeros(8, 2, dtype=torch.int64) if discrete else torch.zeros(8, 2, 2)
        ):
            decision = model.act(memory, Step(*(each.to(meta) for each in vars(step).values())))
        assert decision.actions.device == decision.predictions.device == meta
