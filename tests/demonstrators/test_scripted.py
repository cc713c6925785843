"""The script for simple_spread: who goes where, found by trying all assignments, and how it steers."""

import itertools

import numpy as np
import pytest
import torch

from tests.builders import refused
from understudy.demonstrators.random import RandomActor
from understudy.demonstrators.scripted import scripted_expert
from understudy.environments.make import make_environment
from understudy.environments.play import play
from understudy.errors import ParameterError
from understudy.models.scripted import DOWN, LEFT, RIGHT, STAY, UP, SpreadScript
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ScriptedParams
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.policies.predict import Policy

SCRIPT = ScriptedParams(stopping_distance=0.5, tolerance=0.1)
SPREAD = "mpe2.simple_spread_v3"


def expert(**kwargs) -> TrainedPolicy:
    return scripted_expert(EnvironmentParams(id=SPREAD, kwargs=kwargs), SCRIPT)


def seen(agents: np.ndarray, landmarks: np.ndarray, velocities: np.ndarray) -> torch.Tensor:
    """Observations (N, S) of agents at these places (N, 2)."""
    rows = []
    for number, (place, velocity) in enumerate(zip(agents, velocities, strict=True)):
        others = np.delete(agents, number, axis=0) - place
        rows.append([*velocity, *place, *(landmarks - place).flat, *others.flat, *np.zeros(2 * len(others))])
    return torch.tensor(np.asarray(rows))


@pytest.mark.parametrize(
    ("velocity", "landmark", "action"),
    [
        ((0.0, 0.0), (0.9, 0.3), RIGHT),
        ((0.0, 0.0), (-0.9, 0.3), LEFT),
        ((0.0, 0.0), (0.3, 0.9), UP),
        ((0.0, 0.0), (0.3, -0.9), DOWN),
        ((0.0, 0.0), (0.09, -0.09), STAY),
        ((0.0, 0.0), (0.09, -0.11), DOWN),
        ((1.0, 0.0), (0.45, 0.0), STAY),  # it comes to rest 0.05 beyond
        ((1.0, 0.0), (0.3, 0.0), LEFT),  # 0.2 beyond
        ((1.0, 0.0), (0.9, 0.5), UP),  # 0.4 are still to go in x
    ],
)
def test_one_agent_steers_to_where_it_comes_to_rest(velocity, landmark, action):
    script = SpreadScript(6, 1, stopping_distance=0.5, tolerance=0.1, discrete_actions=True)
    assert script(torch.tensor([[*velocity, 0.0, 0.0, *landmark]])).argmax(-1).tolist() == [action]


@pytest.mark.parametrize(
    ("velocity", "landmark", "forces"),
    [
        ((0.0, 0.0), (0.05, -0.9), [0, 0, 0.5, 1, 0]),
        ((0.0, 0.0), (0.9, 0.05), [0, 0, 1, 0, 0.5]),
        ((0.0, 0.0), (-0.02, 0.08), [0, 0.2, 0, 0, 0.8]),
        ((1.0, -1.0), (0.5, -0.45), [0, 0, 0, 0, 0.5]),
    ],
)
def test_with_vectors_its_force_is_in_proportion(velocity, landmark, forces):
    script = SpreadScript(6, 1, stopping_distance=0.5, tolerance=0.1, discrete_actions=False)
    acted = script(torch.tensor([[*velocity, 0.0, 0.0, *landmark]]))[0].tolist()
    assert acted == pytest.approx(forces, abs=1e-6)


def test_all_agents_know_the_assignment_of_the_smallest_squares():
    generator, script = np.random.default_rng(0), expert().model
    for _ in range(100):
        agents, landmarks = generator.uniform(-1, 1, (3, 2)), generator.uniform(-1, 1, (3, 2))
        distances = np.linalg.norm(agents[:, None] - landmarks, axis=-1)
        best = min(itertools.permutations(range(3)), key=lambda order: (distances[range(3), order] ** 2).sum())
        ways = script._ways(seen(agents, landmarks, np.zeros((3, 2))).numpy())
        np.testing.assert_allclose(ways, landmarks[list(best)] - agents)


@pytest.mark.parametrize("vectors", [False, True])
def test_the_script_is_far_better_than_chance_and_played_alike_from_disk(tmp_path, vectors):
    policy = expert(continuous_actions=vectors)
    save_policy(policy, tmp_path)
    environments = [make_environment(SPREAD, policy.task.environment.kwargs) for _ in range(20)]
    played, again, by_chance = (
        play(actor, environments, range(20))
        for actor in (PolicyActor(policy), PolicyActor(load_trained(tmp_path)), RandomActor(policy.task.environment))
    )
    assert [episode.total_return for episode in played] == [episode.total_return for episode in again]
    scripted, chance = (np.mean([each.total_return for each in group]) for group in (played, by_chance))
    assert chance < -20 < -12 < scripted


@pytest.mark.parametrize("count", [2, 4])
def test_it_is_the_script_of_params_for_all_agents_of_the_environment(count):
    model = expert(N=count).model
    assert (model.num_agents, model.stopping_distance, model.tolerance) == (count, 0.5, 0.1)
    assert not model.training


@pytest.mark.parametrize("continuous", [False, True])
def test_nothing_that_the_script_does_is_left_to_chance(continuous):
    policy = expert(continuous_actions=continuous)
    observations = np.random.default_rng(0).normal(size=(40, 3, 18)).astype(np.float32)
    likeliest, drawn = (Policy(policy).predict(observations, deterministic=chosen)[0] for chosen in (True, False))
    np.testing.assert_array_equal(likeliest, drawn)


@pytest.mark.parametrize(
    ("environment_id", "kwargs", "told"),
    [
        ("CartPole-v1", {}, "no kwargs"),
        ("mpe2.simple_line_v1", {}, "no kwargs"),
        (SPREAD, {"num_agent_neighbors": 1}, "{'num_agent_neighbors': 1}"),
    ],
)
def test_where_there_is_no_script_it_says_so(environment_id, kwargs, told):
    with refused(
        ParameterError,
        "expert.algorithm: expected mpe2.simple_spread_v3 with all in sight",
        f"got scripted for {environment_id} with {told}",
    ):
        scripted_expert(EnvironmentParams(id=environment_id, kwargs=kwargs), SCRIPT)


@pytest.mark.parametrize(("state_dim", "agents"), [(18, 9), (17, 4)])
def test_more_agents_than_an_observation_tells_of_are_refused(state_dim, agents):
    with refused(ValueError, f"num_agents: expected {state_dim} entries to tell of all agents, got {agents} agents"):
        SpreadScript(state_dim, agents, 0.5, 0.1, True)


def test_an_observation_that_tells_of_all_agents_and_no_more_is_enough():
    assert SpreadScript(18, 4, 0.5, 0.1, True).num_agents == 4
