"""Policies of several agents: who may be fewer than there is room for, `predict` over environments, who sees whom."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.builders import SEVERAL_CHOICES, SEVERAL_VECTORS, refused, seal
from tests.toys import CONFIGS, tiny_policy
from understudy.environments.make import describe, make_environment
from understudy.environments.play import play
from understudy.errors import DataError, ParameterError
from understudy.policies.actor import PolicyActor
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.predict import Policy, load_policy
from understudy.step import Step

EVERY_SPEC = pytest.mark.parametrize("spec", [SEVERAL_CHOICES, SEVERAL_VECTORS], ids=["choices", "vectors"])
KWARGS = {"max_cycles": 9}
SPREAD = describe(make_environment("mpe2.simple_spread_v3", KWARGS))


def observations(steps: int, environments: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(steps, environments, 3, 3)).astype(np.float32)


def with_room_for(policy: TrainedPolicy, agents: int) -> TrainedPolicy:
    """The same policy, but for so many agents at most."""
    config = policy.config | {"max_num_agents": agents}
    model = build_model(policy.family, config, policy.interface, "test").eval()
    weights = policy.model.state_dict()
    weights["embed_agent.weight"] = weights["embed_agent.weight"][:agents]
    model.load_state_dict(weights)
    return replace(policy, model=model, config=config)


@EVERY_SPEC
@pytest.mark.parametrize("deterministic", [True, False])
def test_room_for_a_fourth_agent_changes_nothing(spec, deterministic):
    roomy = tiny_policy("multi_agent", spec)
    exact = with_room_for(roomy, 3)
    assert (roomy.model.max_num_agents, exact.model.max_num_agents) == (4, 3)
    states, policies = [None, None], (Policy(roomy), Policy(exact))
    for each in observations(6):
        actions = []
        for index, policy in enumerate(policies):
            policy.generator.manual_seed(5)
            action, states[index] = policy.predict(each, states[index], deterministic=deterministic)
            actions.append(action)
        np.testing.assert_array_equal(*actions)


def test_it_plays_with_fewer_agents_than_there_is_room_for():
    roomy = tiny_policy("multi_agent", SPREAD)
    played = [
        play(PolicyActor(policy), [make_environment(SPREAD.environment_id, KWARGS) for _ in range(2)], range(5))
        for policy in (roomy, with_room_for(roomy, 3))
    ]
    for one, other in zip(*played, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions)
    assert len(np.unique(np.concatenate([episode.actions for episode in played[0]]))) > 1


def test_room_for_fewer_agents_than_there_are_is_refused():
    policy = tiny_policy("multi_agent", SEVERAL_CHOICES)
    with refused(ParameterError, "test.model.max_num_agents: expected at least the 3 agents there are, got 2"):
        with_room_for(policy, 2)


def test_a_policy_on_disk_with_room_for_fewer_agents_is_refused(tmp_path):
    save_policy(tiny_policy("multi_agent", SEVERAL_CHOICES), tmp_path)
    description = tmp_path / "policy.json"
    content = json.loads(description.read_text())
    content["config"]["max_num_agents"] = 2
    seal(content)
    description.write_text(json.dumps(content))
    with refused(
        DataError, f"{description}: expected a policy's description", "max_num_agents: expected at least the 3"
    ):
        load_policy(tmp_path)


@EVERY_SPEC
@pytest.mark.parametrize("family", [name for name in CONFIGS if name != "expert"])
def test_predict_takes_environments_of_agents(family, spec, tmp_path):
    save_policy(tiny_policy(family, spec), tmp_path)
    policy = load_policy(tmp_path)
    actor = PolicyActor(policy.trained)
    actor.start(12)
    actor.reset(np.arange(12), np.zeros(12, np.int64))
    state = alone = None
    tail, kind = ((), np.int64) if spec.discrete_actions else ((2,), np.float32)
    previous, first = np.zeros((12, *tail), kind), np.ones(12, bool)
    for each in observations(5):
        actions, state = policy.predict(each, state)
        assert actions.shape == (4, 3, *tail)
        step = Step(each.reshape(12, 3), previous, np.zeros(12, np.float32), first)
        np.testing.assert_array_equal(actions.reshape(12, *tail), actor.act(step).actions)
        previous, first = actions.reshape(12, *tail), np.zeros(12, bool)
        single, alone = policy.predict(each[0], alone)
        assert single.shape == actions.shape[1:]
        np.testing.assert_allclose(single, actions[0], atol=1e-5)


def test_an_environment_begins_anew_with_all_its_agents():
    policy, seen = Policy(tiny_policy("multi_agent", SEVERAL_VECTORS)), observations(4)
    state = fresh = None
    for each in seen[:3]:
        _, state = policy.predict(each, state)
    after, _ = policy.predict(seen[3], state, episode_start=np.array([False, True, False, False]))
    new, _ = policy.predict(seen[3], fresh)
    np.testing.assert_allclose(after[1], new[1], atol=1e-6)
    assert (np.abs(after[[0, 2, 3]] - new[[0, 2, 3]]) > 1e-4).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), "expected shape (3, 3) or (rows, 3, 3), got (3,)"),
        ((4, 3), "expected shape (3, 3) or (rows, 3, 3), got (4, 3)"),
        ((2, 4, 3), "expected shape (3, 3) or (rows, 3, 3), got (2, 4, 3)"),
    ],
)
def test_other_shapes_than_agents_side_by_side_are_refused(shape, message):
    with refused(ValueError, f"observation: {message}"):
        Policy(tiny_policy("multi_agent", SEVERAL_CHOICES)).predict(np.zeros(shape))


def test_starts_and_rows_are_counted_in_environments():
    policy = Policy(tiny_policy("multi_agent", SEVERAL_CHOICES))
    _, state = policy.predict(np.zeros((2, 3, 3)))
    with refused(ValueError, "observation: expected 2 rows as before, got 4"):
        policy.predict(np.zeros((4, 3, 3)), state)
    with refused(ValueError, "episode_start: expected shape (2,), got (6,)"):
        policy.predict(np.zeros((2, 3, 3)), state, episode_start=np.zeros(6, bool))


def test_rewards_are_each_agent_s():
    policy = Policy(tiny_policy("multi_agent", SEVERAL_CHOICES))
    told, act = [], policy.trained.model.act
    policy.trained.model.act = lambda memory, step, generator: told.append(step) or act(memory, step, generator)
    _, state = policy.predict(observations(1)[0][:2])
    policy.predict(observations(1)[0][:2], state, previous_reward=[[1, 2, 3], [4, 5, 6]])
    assert told[1].previous_reward.tolist() == [1, 2, 3, 4, 5, 6]
    with refused(ValueError, "previous_reward: expected 6 finite numbers, got [1.0, 2.0]"):
        policy.predict(observations(1)[0][:2], state, previous_reward=[1, 2])


@EVERY_SPEC
@torch.inference_mode()
def test_what_is_drawn_is_what_the_next_agent_sees_and_what_is_done(spec, monkeypatch):
    """The deciding token of the second and the third agent carries what the one before has drawn."""
    policy = Policy(tiny_policy("multi_agent", spec))
    chosen, carried, model = [], [], policy.trained.model
    choose, embed = model.action_head.choose, model.embed_action.forward
    monkeypatch.setattr(model.action_head, "choose", lambda *given: chosen.append(choose(*given)) or chosen[-1])
    monkeypatch.setattr(
        model.embed_action, "forward", lambda actions, *rest: carried.append(actions.clone()) or embed(actions, *rest)
    )
    actions, _ = policy.predict(observations(1)[0], deterministic=False)
    assert len(chosen) == 3
    decided = torch.stack(chosen, dim=1).numpy()
    np.testing.assert_array_equal(actions, policy.trained.task.unnormalize_actions(decided))
    executed = [each.clamp(-1, 1) if each.is_floating_point() else each for each in chosen]
    assert [torch.equal(carried[2 + agent], executed[agent]) for agent in (0, 1)] == [True, True]


@EVERY_SPEC
def test_drawn_actions_are_other_ones_than_the_likeliest(spec):
    policy = Policy(tiny_policy("multi_agent", spec))
    drawn, _ = policy.predict(observations(1, 40)[0], deterministic=False)
    likeliest, _ = policy.predict(observations(1, 40)[0])
    assert (drawn != likeliest).mean() > 0.05
