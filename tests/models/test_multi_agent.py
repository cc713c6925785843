"""The multi-agent family: shapes, errors and losses, these against the formulas of a softmax and a Gaussian.

What an agent may see and how it plays stand in tests/contracts/test_agents.py.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.models.multi_agent import MultiAgentTransformer
from understudy.sequences.batch import Batch

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
    rows = (each.flatten(0, 1) for each in (states, actions, labels.flip(1), torch.randn(2, 3, 6)))
    return Batch(*rows, lengths, mask, known, num_agents=AGENTS)


def arguments(batch: Batch) -> dict[str, Tensor]:
    """What `forward` takes."""
    names = ("states", "actions", "seq_lens")
    return {
        "agent_ids": torch.where(LENGTHS > 0, IDS, -1),
        "agent_mask": LENGTHS > 0,
        **{name: getattr(batch, name).unflatten(0, (2, AGENTS)) for name in names},
    }


def full_pass(model: MultiAgentTransformer, batch: Batch, **changes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return model(**arguments(batch) | changes)


@pytest.mark.parametrize("discrete", [True, False])
@torch.no_grad()
def test_actions_values_and_hidden_states_have_a_row_agent_and_step_each(discrete: bool) -> None:
    preds, values, hidden = full_pass(build(discrete), draw_batch(discrete))
    assert preds.shape == (2, 3, 6, 2)
    assert values.shape == (2, 3, 6)
    assert hidden.shape == (2, 3, 6, 16)


@torch.no_grad()
def test_predictions_come_from_the_hidden_states() -> None:
    model = build()
    preds, values, hidden = full_pass(model, draw_batch())
    assert torch.equal(model.action_head(hidden)[0], preds)
    assert torch.equal(model.value_head(hidden), values)


@torch.no_grad()
def test_who_an_agent_is_matters() -> None:
    model, batch = build(), draw_batch()
    assert not torch.equal(full_pass(model, batch)[0], full_pass(model, batch, agent_ids=IDS.flip(1))[0])


@torch.no_grad()
def test_an_untrained_agent_heeds_its_state_far_more_than_who_it_is_and_what_was_done() -> None:
    model, batch = build(), draw_batch()
    hidden = full_pass(model, batch)[2]

    def change(**changes: Tensor) -> float:
        return float((full_pass(model, batch, **changes)[2] - hidden)[LENGTHS > 0].abs().mean())

    of_state = change(states=-batch.states.unflatten(0, (2, AGENTS)))
    assert change(agent_ids=IDS.flip(1)) < 0.1 * of_state
    assert change(actions=1 - batch.actions.unflatten(0, (2, AGENTS))) < 0.1 * of_state


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


@pytest.mark.parametrize(
    ("rows", "agents", "message"),
    [
        (7, 3, "num_rows: expected a multiple of 3 agents an environment, got 7"),
        (10, 5, "num_agents: expected from 1 to max_num_agents = 4, got 5"),
        (3, 0, "num_agents: expected from 1 to max_num_agents = 4, got 0"),
    ],
)
def test_rows_that_are_not_environments_of_agents_are_refused(rows: int, agents: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build().new_state(rows, agents)


def test_as_many_agents_play_as_there_may_be_unless_told_otherwise() -> None:
    assert build().new_state(8).group == 4
    assert build().new_state(8, 2).agent_ids.tolist() == [0, 1] * 4


@pytest.mark.parametrize("attends", [True, False])
@torch.no_grad()
def test_losses_of_choices_compare_labels_and_known_returns(attends: bool) -> None:
    model, batch = build(attend_between_agents=attends), draw_batch()
    terms, preds = model.losses(batch, torch.Generator())
    expected, values = (each.flatten(0, 1) for each in full_pass(model, batch)[:2])
    chosen = preds.log_softmax(-1).gather(-1, batch.labels[..., None])[..., 0]
    assert torch.equal(preds, expected)
    assert terms.keys() == {"action", "value"}
    assert int(batch.mask.sum()) == 6 + 2 + 1 + 4 + 6
    torch.testing.assert_close(terms["action"], -chosen[batch.mask].mean())
    torch.testing.assert_close(terms["value"], (values - batch.returns_to_go)[batch.value_mask].square().mean())


@torch.no_grad()
def test_losses_of_action_vectors_are_those_of_a_gaussian() -> None:
    model, batch = build(False), draw_batch(False)
    mean, log_std = model.action_head(full_pass(model, batch)[2].flatten(0, 1))
    squares = ((batch.labels - mean) / log_std.exp()).square()
    densities = (-0.5 * squares - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    terms, _ = model.losses(batch, torch.Generator())
    torch.testing.assert_close(terms["action"], -densities[batch.mask].mean())


def test_absent_agents_give_no_gradient() -> None:
    model, batch = build(), draw_batch()
    batch = replace(batch, states=batch.states.requires_grad_())
    sum(model.losses(batch, torch.Generator())[0].values()).backward()
    assert torch.equal((batch.states.grad != 0).any(-1), batch.mask)


@torch.no_grad()
def test_where_every_action_is_hidden_none_matters() -> None:
    model, batch = build(action_dropout=1.0).train(), draw_batch()
    other = replace(batch, actions=1 - batch.actions)
    hidden = model.losses(batch, torch.Generator())[1]
    assert torch.equal(hidden, model.losses(other, torch.Generator())[1])
    assert not torch.equal(hidden, model.eval().losses(batch, torch.Generator())[1])


@torch.no_grad()
def test_the_next_agent_sees_what_was_chosen() -> None:
    model, (states, _) = build(False), draw_rows(False)
    seen = [
        model.step(model.new_state(6, 3), states[:, :, 0].flatten(0, 1), lambda mean, _, add=add: mean + add)[0]
        for add in (0.0, 1.0)
    ]
    differs = (seen[0] != seen[1]).any(-1).view(2, 3)
    assert differs.tolist() == [[False, True, True]] * 2


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
    tensors = {
        name: values.to(meta) for name, values in vars(draw_batch(discrete)).items() if isinstance(values, Tensor)
    }
    terms, _ = model.losses(Batch(**tensors, num_agents=AGENTS), torch.Generator())
    sum(terms.values()).backward()
    assert all(weights.grad.device == meta for weights in model.parameters())
    with torch.inference_mode():
        with meta:
            state, states = model.new_state(6, 3), torch.zeros(6, 3)
        on_cpu = torch.zeros(2, dtype=torch.int64) if discrete else torch.zeros(2, 2)
        for _ in range(2):
            preds, _ = model.step(state, states, lambda *_: on_cpu)
            model.acted(state, preds.argmax(-1) if discrete else preds)
        assert preds.device == meta
