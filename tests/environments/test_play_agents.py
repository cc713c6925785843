"""The interaction loop where several agents act: a row an agent, an environment's rows beside each other."""

import numpy as np
import pytest

from tests.toys import NUM_ACTIONS, ConstantActor, CountingActor, counting_agents
from understudy.demonstrators.random import RandomActor
from understudy.environments.make import describe, make_environment
from understudy.environments.parallel import ParallelEnvironment
from understudy.environments.play import play
from understudy.episode import Episode

SEEDS = [13, 10, 19, 11, 12, 17, 14]  # with 3, 4, 5, 5, 2, 3, 4 steps


def spread(count: int) -> list[ParallelEnvironment]:
    return [make_environment("mpe2.simple_spread_v3", {"max_cycles": 6}) for _ in range(count)]


def assert_same(first: list[Episode], second: list[Episode]) -> None:
    for one, other in zip(first, second, strict=True):
        for name in vars(one):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_an_episode_is_literal():
    [episode] = play(CountingActor(), counting_agents(1), [8])
    assert episode.observations.tolist() == [[[8, 0, 0], [8, 0, 1], [8, 0, 2]], [[8, 1, 0], [8, 1, 1], [8, 1, 2]]]
    assert episode.actions.tolist() == episode.demonstrated_actions.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert episode.rewards.tolist() == [[1, 2, 3], [2, 4, 6]]
    assert episode.options.tolist() == [[8, 8, 8], [8, 8, 8]]
    assert episode.final_observation.tolist() == [[8, 2, 0], [8, 2, 1], [8, 2, 2]]
    assert (episode.terminated, episode.truncated, episode.length) == (False, True, 2)
    assert episode.total_return == (3 + 6 + 9) / 3


def test_dtypes_are_those_of_the_schema():
    [episode] = play(CountingActor(), counting_agents(1), [8])
    kinds = {name: str(value.dtype) for name, value in vars(episode).items() if isinstance(value, np.ndarray)}
    assert set(kinds.values()) == {"float32", "int64", "int16"}
    assert kinds["observations"] == kinds["rewards"] == kinds["final_observation"] == "float32"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_rows_that_begin_anew_or_are_dropped_leave_the_others_alone(count):
    for seed, episode in zip(SEEDS, play(CountingActor(), counting_agents(count), SEEDS), strict=True):
        assert episode.seed == seed
        assert episode.length == 2 + seed % 4
        assert episode.actions.tolist() == [[step] * 3 for step in range(episode.length)]
        assert episode.observations[:, :, 1].tolist() == [[step] * 3 for step in range(episode.length)]
        assert (episode.observations[:, :, 2] == [0, 1, 2]).all()
        assert (episode.options == seed).all()


def test_an_actor_has_a_row_an_agent():
    actor = CountingActor()
    play(actor, counting_agents(3), [4, 5, 7])  # 2, 3 and 5 steps
    assert actor.batches == [9, 9, 6, 3, 3]


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_environments_side_by_side_play_what_each_plays_alone(noise):
    actor = RandomActor(describe(spread(1)[0]))
    together = play(actor, spread(3), SEEDS, noise=noise)
    alone = [play(actor, spread(1), [seed], noise=noise)[0] for seed in SEEDS]
    assert_same(together, alone)


def test_agents_act_at_random_each_by_itself():
    [episode] = play(RandomActor(describe(spread(1)[0])), spread(1), [3])
    first, second, third = episode.actions.T.tolist()
    assert first != second != third != first


def test_noise_meets_each_agent_with_its_chance():
    """A random action is one of five, so one in five of them is the chosen one: 0.25 * 4 / 5 = 0.2 differ."""
    environments = counting_agents(40)
    episodes = play(ConstantActor(2), environments, range(3, 1603, 4), noise=0.25)
    actions = np.concatenate([episode.actions for episode in episodes])
    assert np.abs((actions != 2).mean(axis=0) - 0.2).max() < 0.03
    shares = np.bincount(actions.flatten(), minlength=NUM_ACTIONS)[[0, 1, 3, 4]] / actions.size
    np.testing.assert_allclose(shares, 0.05, atol=0.01)
    assert sorted(map(tuple, actions)) == sorted(
        tuple(each) for environment in environments for each in environment.environment.actions
    )
    assert np.corrcoef((actions != 2).T.astype(float))[np.triu_indices(3, 1)].max() < 0.1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_agent_is_told_of_its_own_action_and_reward(count):
    """The agents are paid 1, 2 and 3 times the step's number; noise exchanges each one's action by itself."""
    actor = CountingActor()
    episodes = play(actor, counting_agents(count), SEEDS, noise=0.5)
    for seed, episode in zip(SEEDS, episodes, strict=True):
        for agent in range(3):
            told = [
                tuple(np.asarray(value[row]).tolist() for value in vars(step).values())
                for step in actor.steps
                for row in np.flatnonzero((step.observation[:, [0, 2]] == [seed, agent]).all(axis=1))
                if step.observation[row, 1] < episode.length
            ]
            executed = episode.actions[:, agent].tolist()
            expected = [([seed, 0, agent], 0, 0, True)]
            for step in range(1, episode.length):
                expected.append(([seed, step, agent], executed[step - 1], step * (agent + 1), False))
            assert told == expected


def test_two_agents_are_several():
    [episode] = play(CountingActor(), counting_agents(1, agents=2), [8])
    assert episode.observations.tolist() == [[[8, 0, 0], [8, 0, 1]], [[8, 1, 0], [8, 1, 1]]]
    assert episode.actions.tolist() == [[0, 0], [1, 1]]


def test_choices_reach_the_environment_as_plain_integers():
    [environment] = counting_agents(1)
    play(CountingActor(), [environment], [8])
    assert {type(action) for actions in environment.environment.actions for action in actions} == {int}
