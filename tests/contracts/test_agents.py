"""What holds between the agents of the multi-agent family.

The slow reference for playing is `forward` over whole episodes with the actions that were taken. Agents decide in their order:
the prediction for agent i at step t may depend on the states of all agents up to t, on all actions before t, and at t
on the actions of the agents before i.
"""

import itertools

import pytest
import torch
from torch import Tensor

from tests.models.rows import batch_of, steps_of
from understudy.models.multi_agent import MultiAgentTransformer

STATE_DIM, ACTION_DIM, AGENTS, STEPS = 3, 2, 3, 9
IDS = torch.tensor([0, 1, 2])
PRESENT = torch.tensor([[True, True, True], [True, False, True]])
LENGTHS = torch.tensor([[4, 9, 7], [6, 0, 2]])  # of an absent agent it means nothing

each_kind = pytest.mark.parametrize("discrete", [True, False], ids=["discrete", "continuous"])
each_context = pytest.mark.parametrize("context", [1, 3, 20])
REACHES = [{"context": 1}, {"context": 3}, {"context": 20}, {"attention": "performer"}, {"attention": "elu"}]


def build(discrete: bool, context: int | None = None, **options) -> MultiAgentTransformer:
    torch.manual_seed(0)
    sizes = (STATE_DIM, ACTION_DIM, 16, 2, 2, 32, 30, discrete, 4)
    options = {"num_agents": AGENTS, "context": context, "state_differences": 2} | options
    return MultiAgentTransformer(*sizes, **options).eval()


def draw_actions(discrete: bool, *shape: int) -> Tensor:
    return torch.randint(ACTION_DIM, shape) if discrete else torch.randn(*shape, ACTION_DIM)


def draw_rows(discrete: bool, rows: int = 2) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, AGENTS, STEPS, STATE_DIM), draw_actions(discrete, rows, AGENTS, STEPS)


def full_pass(
    model: MultiAgentTransformer,
    states: Tensor,
    actions: Tensor,
    lengths: Tensor | None = None,
    present: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    rows, agents = states.shape[:2]
    lengths = torch.full((rows, agents), STEPS) if lengths is None else lengths
    present = torch.ones(rows, agents, dtype=torch.bool) if present is None else present
    return model(states, IDS[:agents].expand(rows, agents), actions, lengths, present)


def exists(lengths: Tensor = LENGTHS, present: Tensor = PRESENT) -> Tensor:
    """Where somebody is, (B, N, T)."""
    return present[..., None] & (torch.arange(STEPS) < lengths[..., None])


# Playing


def within_bounds(actions: Tensor) -> Tensor:
    """What an environment executes of normalised actions."""
    return actions.clamp(-1, 1) if actions.is_floating_point() else actions


def play(model: MultiAgentTransformer, memory, states: Tensor, there: Tensor, seed: int = 4) -> tuple[Tensor, Tensor]:
    """Predictions (B, N, T, A) and actions (B, N, T, ...) of agents whose actions are drawn; `there` (B, N, T) says who is."""
    generator = torch.Generator().manual_seed(seed)
    rows, agents, steps = there.shape
    executed = torch.zeros(rows * agents, steps, *(() if model.discrete_actions else (ACTION_DIM,)))
    executed = executed.long() if model.discrete_actions else executed
    preds = []
    for t, step in enumerate(steps_of(states[:, :, :steps].flatten(0, 1), executed)):
        memory.tensors["absent"] = ~there[:, :, t].flatten()
        decision = model.act(memory, step, generator)
        preds.append(decision.predictions)
        executed[:, t] = within_bounds(decision.actions)
    return torch.stack(preds, dim=1).unflatten(0, (rows, agents)), executed.unflatten(0, (rows, agents))


@pytest.mark.parametrize("attends", [True, False], ids=["together", "apart"])
@each_kind
@pytest.mark.parametrize("reach", REACHES, ids=str)
@torch.no_grad()
def test_playing_agent_by_agent_predicts_what_the_full_pass_predicts(
    discrete: bool, reach: dict, attends: bool
) -> None:
    model, (states, _) = build(discrete, **reach, attend_between_agents=attends), draw_rows(discrete)
    played, actions = play(model, model.begin(2 * AGENTS), states, exists())
    expected = full_pass(model, states, actions, LENGTHS, PRESENT)[0]
    torch.testing.assert_close(played[exists()], expected[exists()], atol=1e-5, rtol=0)
    likeliest = expected.argmax(-1) if discrete else expected
    assert not torch.equal(actions[exists()], likeliest[exists()])


@each_kind
@torch.no_grad()
def test_environments_begin_again_and_change_places(discrete: bool) -> None:
    model, (states, _), everybody = build(discrete, 3), draw_rows(discrete, 3), torch.ones(3, AGENTS, STEPS) > 0
    memory = model.begin(3 * AGENTS)
    play(model, memory, states.flip(0), everybody[:, :, :4], seed=5)
    memory.reset(torch.tensor([0, 1, 2, 6, 7, 8]))
    memory.keep(torch.tensor([6, 7, 8, 0, 1, 2]))
    played, actions = play(model, memory, states[:2], everybody[:2])
    torch.testing.assert_close(played, full_pass(model, states[:2], actions)[0], atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_what_was_executed_counts_later_though_something_else_was_decided(discrete: bool) -> None:
    """At its step an agent sees what those before it have decided, at the next one what it has done itself.

    With a context of one step nothing else of the past is seen.
    """
    model, (states, executed) = build(discrete, context=1), draw_rows(discrete)
    memory = model.begin(2 * AGENTS)
    for t, step in enumerate(steps_of(states.flatten(0, 1), executed.flatten(0, 1))):
        decision = model.act(memory, step)
        actions = executed.clone()
        actions[:, :, t] = within_bounds(decision.actions).unflatten(0, (2, AGENTS))
        expected = full_pass(model, states, actions)[0][:, :, t]
        torch.testing.assert_close(decision.predictions.unflatten(0, (2, AGENTS)), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_without_a_generator_every_agent_sees_the_likeliest_actions_of_those_before() -> None:
    model, (states, _) = build(True), draw_rows(True)
    memory, actions = model.begin(2 * AGENTS), torch.zeros(2 * AGENTS, STEPS, dtype=torch.int64)
    for t, step in enumerate(steps_of(states.flatten(0, 1), actions)):
        actions[:, t] = model.act(memory, step).actions
    actions = actions.unflatten(0, (2, AGENTS))
    assert torch.equal(full_pass(model, states, actions)[0].argmax(-1), actions)
    assert 0 < actions.float().mean() < 1


# What a prediction may depend on


def may_matter(of_actions: bool) -> Tensor:
    """[i, t, j, u], whether agent j's state or action at step u may matter to the prediction for agent i at step t."""
    pattern = torch.zeros(AGENTS, STEPS, AGENTS, STEPS, dtype=torch.bool)
    for i, t, j, u in itertools.product(range(AGENTS), range(STEPS), range(AGENTS), range(STEPS)):
        pattern[i, t, j, u] = u < t or (u == t and (j < i or not of_actions))
    return pattern


def gradient_pattern(outputs: Tensor, inputs: Tensor) -> Tensor:
    """[i, t, j, u], whether outputs (1, N, T, ...) of agent i at t have a gradient in the inputs of agent j at u."""
    weights = torch.randn(outputs.shape[-1], generator=torch.Generator().manual_seed(3))
    scalars = (outputs[0] @ weights).flatten()
    gradients = [torch.autograd.grad(scalar, inputs, retain_graph=True)[0][0] for scalar in scalars]
    return (torch.stack(gradients) != 0).any(dim=-1).unflatten(0, (AGENTS, STEPS))


def side_by_side(outputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    preds, values, features = outputs
    return torch.cat([preds, values[..., None], features], dim=-1)


@each_kind
def test_everybodys_states_up_to_the_step_matter(discrete: bool) -> None:
    model, (states, actions) = build(discrete), draw_rows(discrete, 1)
    states.requires_grad_()
    assert torch.equal(gradient_pattern(side_by_side(full_pass(model, states, actions)), states), may_matter(False))


def test_action_vectors_matter_to_agents_after_and_to_later_steps_alone() -> None:
    model, (states, actions) = build(False), draw_rows(False, 1)
    actions.requires_grad_()
    assert torch.equal(gradient_pattern(side_by_side(full_pass(model, states, actions)), actions), may_matter(True))


@torch.no_grad()
def test_choices_matter_to_agents_after_and_to_later_steps_alone() -> None:
    model, (states, actions) = build(True), draw_rows(True, 1)
    outputs, differs = side_by_side(full_pass(model, states, actions)), torch.zeros_like(may_matter(True))
    for j, u in itertools.product(range(AGENTS), range(STEPS)):
        changed = actions.clone()
        changed[:, j, u] = 1 - changed[:, j, u]
        differs[:, :, j, u] = (side_by_side(full_pass(model, states, changed)) != outputs)[0].any(dim=-1)
    assert torch.equal(differs, may_matter(True))


@each_kind
def test_apart_an_agents_own_states_and_actions_matter_alone(discrete: bool) -> None:
    model, (states, actions) = build(discrete, attend_between_agents=False), draw_rows(discrete, 1)
    own = torch.eye(AGENTS, dtype=torch.bool)[:, None, :, None]
    inputs = [states.requires_grad_()] if discrete else [states.requires_grad_(), actions.requires_grad_()]
    outputs = side_by_side(full_pass(model, states, actions))
    for each, of_actions in zip(inputs, (False, True), strict=False):
        assert torch.equal(gradient_pattern(outputs, each), may_matter(of_actions) & own)


# Absent agents


@pytest.mark.parametrize("attends", [True, False], ids=["together", "apart"])
@each_kind
@torch.no_grad()
def test_whatever_stands_where_nobody_is_changes_nothing(discrete: bool, attends: bool) -> None:
    model, (states, actions), real = build(discrete, attend_between_agents=attends), draw_rows(discrete), exists()
    nonsense = torch.full_like(actions, -5) if discrete else torch.full_like(actions, torch.nan)
    others = torch.where(real[..., None], states, torch.nan)
    other_actions = torch.where(real if discrete else real[..., None], actions, nonsense)
    before = full_pass(model, states, actions, LENGTHS, PRESENT)
    after = full_pass(model, others, other_actions, LENGTHS, PRESENT)
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)
        assert other.isfinite().all()


@each_kind
@torch.no_grad()
def test_an_absent_agent_may_as_well_be_left_out(discrete: bool) -> None:
    model, (states, actions), staying = build(discrete), draw_rows(discrete), torch.tensor([0, 2])
    with_absent = full_pass(model, states, actions, LENGTHS, PRESENT)
    lengths, present = LENGTHS[1:, staying], PRESENT[1:, staying]
    without = model(states[1:, staying], IDS[None, staying], actions[1:, staying], lengths, present)
    real = exists()[1:, staying]
    for one, other in zip(with_absent, without, strict=True):
        torch.testing.assert_close(one[1:, staying][real], other[real], atol=1e-5, rtol=0)


@each_kind
@torch.no_grad()
def test_an_agent_that_is_there_matters(discrete: bool) -> None:
    model, (states, actions) = build(discrete), draw_rows(discrete)
    everybody, fewer = full_pass(model, states, actions)[0], full_pass(model, states, actions, present=PRESENT)[0]
    assert torch.equal(everybody[0], fewer[0])
    assert (everybody[1, [0, 2]] != fewer[1, [0, 2]]).any(dim=-1).all()


# Learning


def learn_to_follow(attends: bool) -> Tensor:
    """Accuracy of two agents, (2,), after training: the first acts by its own state, the second by the first one's.

    What the first has done is all that the second needs; its own states say nothing.
    """
    torch.manual_seed(5)
    model = MultiAgentTransformer(1, 2, 16, 1, 2, 32, 4, True, 2, context=2, attend_between_agents=attends)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    lengths = torch.full((128,), 4)
    for _ in range(60):
        states = torch.randn(64, 2, 4, 1)
        actions = (states[:, :1, :, 0] > 0).long().expand(64, 2, 4)
        states, actions = states.flatten(0, 1), actions.flatten(0, 1)
        columns = {"observation": states, "action": actions, "label": actions, "return_to_go": torch.zeros(128, 4)}
        losses = model.losses(batch_of(lengths, num_agents=2, **columns), torch.Generator())
        optimizer.zero_grad()
        losses.terms["action"].mean.backward()
        optimizer.step()
    return (losses.predictions.argmax(-1) == actions).float().view(64, 2, 4).mean(dim=(0, 2))


def test_an_agent_learns_to_follow_another_where_it_sees_it() -> None:
    assert (learn_to_follow(attends=True) > 0.95).all()
    own, others = learn_to_follow(attends=False)
    assert own > 0.95
    assert others < 0.65
