"""PettingZoo's environments: which ids name one, the spec of simple_spread, and agents who do not fit side by side."""

import sys

import numpy as np
import pytest

from tests.builders import refused
from tests.toys import CountingAgents, counting_agents
from understudy.environments import parallel
from understudy.environments.make import describe, make_environment
from understudy.environments.parallel import is_parallel
from understudy.errors import ParameterError
from understudy.spec import EnvironmentSpec

SPREAD = "mpe2.simple_spread_v3"
PAIR = ("vx", "vy", "x", "y", "landmark_0_x", "landmark_0_y", "landmark_1_x", "landmark_1_y")
PAIR += ("other_1_x", "other_1_y", "other_1_message_0", "other_1_message_1")


MOVES = ("stay", "left", "right", "down", "up")


def test_simple_spread_as_a_spec_and_back():
    spec = describe(make_environment(SPREAD, {"N": 2, "max_cycles": 7}))
    assert spec == EnvironmentSpec(
        SPREAD, {"N": 2, "max_cycles": 7}, PAIR, 5, None, None, None, num_agents=2, action_names=MOVES
    )
    assert describe(make_environment(spec.environment_id, spec.kwargs)) == spec
    assert describe(make_environment(SPREAD, {})).num_agents == 3


def test_components_are_where_their_names_say():
    environment = make_environment(SPREAD, {"N": 2})
    observations, _ = environment.reset(seed=5)
    world = environment.environment.unwrapped.world
    here, there = (agent.state.p_pos for agent in world.agents)
    expected = [*world.agents[0].state.p_vel, *here, *(world.landmarks[0].state.p_pos - here)]
    expected += [*(world.landmarks[1].state.p_pos - here), *(there - here), 0, 0]
    np.testing.assert_allclose(observations[0], expected, rtol=1e-6)


def test_action_vectors_have_bounds():
    spec = describe(make_environment(SPREAD, {"N": 2, "continuous_actions": True}))
    assert (spec.num_actions, spec.action_low, spec.action_high) == (None, (0.0,) * 5, (1.0,) * 5)


def test_components_are_numbered_where_the_nearest_alone_are_seen():
    spec = describe(make_environment(SPREAD, {"N": 2, "num_landmark_neighbors": 2}))
    assert spec.components == tuple(f"observation_{index}" for index in range(12))


@pytest.mark.parametrize("known", [SPREAD, "pettingzoo.sisl.pursuit_v4", "mpe2.simple_v3"])
def test_ids_of_parallel_environments(known):
    assert is_parallel(known)


@pytest.mark.parametrize(
    "other",
    ["os.path_v1", "mpe2x.simple_v3", "mpe2", "mpe2.simple", "mpe2.a.b_v1", "pettingzoo._v1", "mpe2.simple_v3x"],
)
def test_other_ids_are_gymnasiums_and_import_nothing(other):
    assert not is_parallel(other)
    with refused(ParameterError, "environment.id: expected an environment that Gymnasium can make"):
        make_environment(other, {})


@pytest.mark.parametrize(
    ("environment_id", "kwargs", "says"),
    [
        ("mpe2.no_such_v3", {}, "No module named 'mpe2.no_such_v3'"),
        (SPREAD, {"colour": "red"}, "unexpected keyword argument 'colour'"),
        (SPREAD, {"local_ratio": 2}, "local_ratio is a proportion"),
        ("mpe2.simple_tag_v3", {}, "expected agents with the same observation space"),
        ("mpe2.simple_v3", {}, "expected several agents, got mpe2.simple_v3 with 1"),
        ("mpe2.simple_speaker_listener_v4", {}, "expected agents with the same observation space"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(environment_id, kwargs, says):
    with refused(ParameterError, "environment.id: expected", environment_id, says):
        make_environment(environment_id, kwargs)


@pytest.mark.parametrize(
    "name",
    [
        "evil.payload_v1",
        "mpe2..evil_v1",
        "pettingzoo.x_v1\n",
        "../mpe2.simple_v3",
        "mpe2_evil.x_v1",
        "os.path_v1",
        "mpe2.x_v1\n",
        "mpe2.x_v1.evil",
    ],
)
def test_no_other_module_is_imported(monkeypatch, name):
    imported = []
    monkeypatch.setattr(parallel.importlib, "import_module", imported.append)
    with refused(ParameterError, "environment.id: expected"):
        make_environment(name, {})
    assert imported == []


def test_agents_of_different_kinds_are_refused(monkeypatch):
    class Module:
        parallel_env = staticmethod(lambda render_mode: CountingAgents(kinds=(3, 3, 2)))

    monkeypatch.setitem(sys.modules, "mpe2.toy_v0", Module)
    with refused(ParameterError, "mpe2.toy_v0 with Box", "(3,)", "of agent_0", "(2,)", "of agent_2"):
        make_environment("mpe2.toy_v0", {})


def test_an_agent_who_leaves_before_the_others_is_refused():
    [environment] = counting_agents(1, leaving=1)
    environment.reset(seed=5)
    with refused(ParameterError, "toys.counting_v0 to stay until the episode ends", "called agent_1 after 1 steps"):
        environment.step([0, 0, 0])


@pytest.mark.parametrize(
    ("terminations", "truncations", "flags"),
    [
        ([True, False, True], [False, True, False], (True, True)),
        ([False, True, True], [False, False, False], (True, False)),
        ([False, False, False], [True, False, True], (False, True)),
        ([False, False, False], [False, False, False], (False, False)),
    ],
)
def test_a_flag_of_one_agent_is_that_of_the_episode(monkeypatch, terminations, truncations, flags):
    [environment] = counting_agents(1)
    environment.reset(seed=5)
    within, step = environment.environment, environment.environment.step

    def with_flags(actions):
        observations, rewards, *_ = step(actions)
        agents = within.possible_agents
        return observations, rewards, *(dict(zip(agents, of, strict=True)) for of in (terminations, truncations)), {}

    monkeypatch.setattr(within, "step", with_flags)
    assert environment.step([0, 0, 0])[2:4] == flags


def test_an_agent_who_is_not_there_from_the_start_is_refused(monkeypatch):
    [environment] = counting_agents(1)
    within, reset = environment.environment, environment.environment.reset

    def without_one(seed):
        told = reset(seed)
        within.agents.remove("agent_2")
        return told

    monkeypatch.setattr(within, "reset", without_one)
    with refused(ParameterError, "toys.counting_v0 to stay until the episode ends", "called agent_2 after 0 steps"):
        environment.reset(seed=5)


def test_closing_closes_what_is_within():
    [environment] = counting_agents(1)
    assert not environment.environment.closed
    environment.close()
    assert environment.environment.closed


def test_agents_stand_in_their_order():
    [environment] = counting_agents(1)
    observations, _ = environment.reset(seed=4)
    assert observations.tolist() == [[4, 0, 0], [4, 0, 1], [4, 0, 2]]
    observations, rewards, terminated, truncated, _ = environment.step([3, 1, 4])
    assert environment.environment.actions == [[3, 1, 4]]
    assert observations.tolist() == [[4, 1, 0], [4, 1, 1], [4, 1, 2]]
    assert rewards.tolist() == [1, 2, 3]
    assert (terminated, truncated) == (False, False)
    assert environment.step([0, 0, 0])[2:4] == (False, True)
