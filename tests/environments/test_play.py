"""The interaction loop, on an environment and actors that count, so that every recorded value is known beforehand."""

import gymnasium
import numpy as np
import pytest

from tests.toys import ConstantActor, CountingActor, CountingEnvironment
from understudy.demonstrators.random import RandomActor
from understudy.environments.make import describe, make_environment
from understudy.environments.play import FIRST_LINES, play
from understudy.episode import Episode

SEEDS = [13, 10, 19, 11, 12, 17, 14]  # with 3, 4, 5, 5, 2, 3, 4 steps
LENGTHS = [3, 4, 5, 5, 2, 3, 4]


def environments(count: int, **kwargs) -> list[CountingEnvironment]:
    return [CountingEnvironment(**kwargs) for _ in range(count)]


def assert_same(first: list[Episode], second: list[Episode]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for name in vars(one):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 12])
def test_each_seed_is_played_exactly_once_and_comes_back_in_its_place(rows):
    batch = environments(rows)
    episodes = play(CountingActor(), batch, SEEDS)
    assert [episode.seed for episode in episodes] == SEEDS
    assert [episode.length for episode in episodes] == LENGTHS
    assert sorted(seed for environment in batch for seed in environment.seeds) == sorted(SEEDS)


def test_a_free_row_takes_the_next_seed():
    batch = environments(2, length=lambda seed: seed)
    play(CountingActor(), batch, [6, 2, 3, 1, 4])
    assert batch[0].seeds == [6, 4]
    assert batch[1].seeds == [2, 3, 1]


def test_episodes_are_literal():
    [short, long] = play(CountingActor(), environments(1), [8, 9])
    assert short.observations.tolist() == [[8, 0], [8, 1]]
    assert short.actions.tolist() == [0, 1]
    assert short.demonstrated_actions.tolist() == [0, 1]
    assert short.rewards.tolist() == [1, 2]
    assert short.options.tolist() == [8, 8]
    assert short.final_observation.tolist() == [8, 2]
    assert short.total_return == 3.0
    assert long.observations.tolist() == [[9, 0], [9, 1], [9, 2]]
    assert long.actions.tolist() == [0, 1, 2]
    assert long.rewards.tolist() == [1, 2, 3]
    assert long.options.tolist() == [9, 9, 9]
    assert long.final_observation.tolist() == [9, 3]


def test_dtypes_are_those_of_the_schema():
    [episode] = play(CountingActor(), environments(1), [8])
    kinds = {name: str(value.dtype) for name, value in vars(episode).items() if isinstance(value, np.ndarray)}
    assert kinds == {
        "observations": "float32",
        "actions": "int64",
        "demonstrated_actions": "int64",
        "rewards": "float32",
        "options": "int16",
        "final_observation": "float32",
    }


@pytest.mark.parametrize(
    ("ending", "flags"), [("terminated", (True, False)), ("truncated", (False, True)), ("both", (True, True))]
)
def test_the_two_end_flags_stay_apart(ending, flags):
    for episode in play(CountingActor(), environments(2, ending=ending), SEEDS):
        assert (episode.terminated, episode.truncated) == flags


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7])
def test_a_row_that_begins_anew_or_is_dropped_leaves_the_others_alone(rows):
    """The actor counts from a row's reset: a count disturbed by another row would break the sequence 0, 1, 2, ..."""
    for episode in play(CountingActor(), environments(rows), SEEDS):
        assert episode.actions.tolist() == list(range(episode.length))
        assert episode.observations[:, 1].tolist() == list(range(episode.length))
        assert (episode.options == episode.seed).all()


def test_rows_without_work_leave_the_batch():
    """Lengths 1, 2, 3, 4 on four rows: one more is idle after each step, which is a quarter of the rows or more."""
    actor = CountingActor()
    episodes = play(actor, environments(4, length=lambda seed: seed), [4, 1, 3, 2])
    assert actor.batches == [4, 3, 2, 1]
    assert [episode.actions.tolist() for episode in episodes] == [[0, 1, 2, 3], [0], [0, 1, 2], [0, 1]]


def test_few_idle_rows_stay_in_the_batch():
    """Of eight rows one is idle after the first step, two after the second: a quarter."""
    actor = CountingActor()
    play(actor, environments(8, length=lambda seed: seed), [1, 2, 4, 4, 4, 4, 4, 4])
    assert actor.batches == [8, 8, 6, 6]


def test_an_episode_longer_than_the_logs_first_lines_is_kept_whole():
    """Rows of unequal length, so that lines no longer needed are dropped in one place and space is doubled in another."""
    batch = environments(2, length=lambda seed: 3 * FIRST_LINES if seed == 5 else FIRST_LINES // 2 + 1)
    for episode in play(CountingActor(), batch, [1, 5, 2, 3, 4, *range(6, 26)]):
        assert episode.length == (3 * FIRST_LINES if episode.seed == 5 else FIRST_LINES // 2 + 1)
        assert episode.observations[:, 1].tolist() == list(range(episode.length))


def test_every_finished_episode_is_announced():
    announced = []
    play(CountingActor(), environments(3), SEEDS, on_episode=lambda: announced.append(1))
    assert len(announced) == 7


def test_no_seeds_are_no_episodes():
    assert play(CountingActor(), environments(2), []) == []


def test_the_demonstrator_is_recorded_and_does_not_act():
    batch = environments(2)
    episodes = play(CountingActor(), batch, SEEDS, demonstrator=ConstantActor(3))
    for episode in episodes:
        assert episode.demonstrated_actions.tolist() == [3] * episode.length
        assert episode.actions.tolist() == list(range(episode.length))
    assert sorted(action for environment in batch for action in environment.actions) == sorted(
        action for length in LENGTHS for action in range(length)
    )


def test_the_demonstrators_rows_are_reset_and_kept_as_well():
    for episode in play(ConstantActor(1), environments(3), SEEDS, demonstrator=CountingActor()):
        assert episode.demonstrated_actions.tolist() == list(range(episode.length))


def test_options_are_minus_one_for_an_actor_without():
    [episode] = play(ConstantActor(2), environments(1), [8])
    assert episode.options.tolist() == [-1, -1]


def test_noise_executes_random_actions_with_its_chance():
    """A random action is one of five, so one in five of them is the chosen one: 0.25 * 4 / 5 = 0.2 differ."""
    batch = environments(2, length=lambda seed: 3000)
    episodes = play(ConstantActor(2), batch, [5, 6], noise=0.25)
    for episode, environment in zip(episodes, batch, strict=True):
        assert episode.demonstrated_actions.tolist() == [2] * 3000
        assert environment.actions == episode.actions.tolist()
        assert abs((episode.actions != 2).mean() - 0.2) < 0.03
        shares = np.bincount(episode.actions, minlength=5)[[0, 1, 3, 4]] / 3000
        np.testing.assert_allclose(shares, 0.05, atol=0.015)


def test_noise_derives_from_the_seed_alone():
    def length(seed: int) -> int:
        return 20 + seed % 3

    together = play(CountingActor(), environments(3, length=length), SEEDS, noise=0.5)
    for seed, episode in zip(SEEDS, together, strict=True):
        assert_same(play(CountingActor(), environments(1, length=length), [seed], noise=0.5), [episode])
    executed = {tuple(episode.actions[:20]) for episode in together}
    assert len(executed) == len(SEEDS)


def test_random_actions_do_not_follow_from_the_initial_state():
    """Both come from the seed; over 300 seeds independent values correlate by chance with a deviation of 0.06."""
    poles = [make_environment("CartPole-v1", {}) for _ in range(10)]
    episodes = play(ConstantActor(0), poles, range(300), noise=1.0)
    initial = np.stack([episode.observations[0] for episode in episodes], axis=1)
    executed = np.stack([episode.actions[:5] for episode in episodes], axis=1)
    correlations = np.corrcoef(initial, executed)[:4, 4:]
    assert np.abs(correlations).max() < 0.3


def test_noise_on_vectors_stays_within_the_action_space():
    batch = environments(1, length=lambda seed: 500, vector=True)
    [episode] = play(ConstantActor([0.0, 0.5]), batch, [3], noise=1.0)
    assert episode.actions.shape == (500, 2)
    assert episode.actions.dtype == np.float32
    assert episode.demonstrated_actions.tolist() == [[0.0, 0.5]] * 500
    assert -1 <= episode.actions.min() < -0.9
    assert 2.9 < episode.actions.max() <= 3
    np.testing.assert_array_equal(np.stack(batch[0].actions), episode.actions)


def test_a_choice_reaches_the_environment_as_a_plain_integer():
    [environment] = environments(1)
    play(CountingActor(), [environment], [8])
    assert [type(action) for action in environment.actions] == [int, int]


def test_an_observation_array_that_the_environment_uses_again_is_copied():
    class Reusing(CountingEnvironment):
        memory = np.zeros(2, np.float32)

        def _observe(self) -> np.ndarray:
            self.memory[:] = self.seeds[-1], self.steps
            return self.memory

    [episode] = play(CountingActor(), [Reusing()], [9])
    assert episode.observations.tolist() == [[9, 0], [9, 1], [9, 2]]


# What an actor is told


def of_seed(actor: CountingActor, seed: int) -> list[tuple]:
    """What the row that played `seed` was told: observation, previous action, previous reward, is_first, pass by pass."""
    told = []
    for step in actor.steps:
        assert {len(value) for value in vars(step).values()} == {len(step.observation)}
        for row in np.flatnonzero(step.observation[:, 0] == seed):
            told.append(tuple(value[row].tolist() for value in vars(step).values()))
    return told


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_a_step_tells_what_was_executed_and_paid_before(rows):
    """Rows begin anew with the next seed, and leave, while others go on; the reward is the step's number, the action too."""
    actor = CountingActor()
    play(actor, environments(rows), SEEDS)
    for seed, length in zip(SEEDS, LENGTHS, strict=True):
        expected = [([seed, 0], 0, 0, True), *(([seed, step], step - 1, step, False) for step in range(1, length))]
        # A row without work is told the same again until it leaves: its last observation is of a step that none acts at.
        assert [each for each in of_seed(actor, seed) if each[0][1] < length] == expected


def test_an_actor_is_told_of_the_action_that_noise_has_exchanged():
    actor = CountingActor()
    [episode] = play(actor, environments(1, length=lambda seed: 200), [4], noise=0.5)
    assert (episode.actions != episode.demonstrated_actions).mean() > 0.3
    assert [told[1] for told in of_seed(actor, 4)] == [0, *episode.actions[:-1].tolist()]


def test_the_demonstrator_is_told_what_the_actor_did():
    demonstrator = CountingActor()
    play(ConstantActor(3), environments(2), SEEDS, demonstrator=demonstrator)
    for seed, length in zip(SEEDS, LENGTHS, strict=True):
        previous = [told[1] for told in of_seed(demonstrator, seed) if told[0][1] < length]
        assert previous == [0] + [3] * (length - 1)


def test_vectors_are_told_as_they_were_executed():
    class Noting(ConstantActor):
        def act(self, step):
            told.append(step)
            return super().act(step)

    told = []
    play(Noting([0.5, -1.0]), environments(1, vector=True), [8])  # two steps
    assert [step.previous_action.tolist() for step in told] == [[[0.0, 0.0]], [[0.5, -1.0]]]
    for step in told:
        assert {name: str(value.dtype) for name, value in vars(step).items()} == {
            "observation": "float32",
            "previous_action": "float32",
            "previous_reward": "float32",
            "is_first": "bool",
        }


def test_choices_are_told_as_whole_numbers_from_the_first_step_on():
    actor = CountingActor()
    play(actor, environments(1), [8])  # two steps
    assert [str(step.previous_action.dtype) for step in actor.steps] == ["int64", "int64"]


def test_what_an_actor_was_told_stays_as_it_was():
    """Whoever keeps a step must not find the next one in it."""

    class Keeping(CountingActor):
        def act(self, step):
            kept.append((step, {name: value.copy() for name, value in vars(step).items()}))
            return super().act(step)

    kept = []
    play(Keeping(), environments(3), SEEDS)
    for step, then in kept:
        for name, value in vars(step).items():
            np.testing.assert_array_equal(value, then[name], err_msg=name)


def lander(count: int) -> list[gymnasium.Env]:
    return [make_environment("LunarLander-v3", {}) for _ in range(count)]


def test_a_reused_lunar_lander_plays_as_a_fresh_one():
    seeds = [1, 2, 3, 4]
    actor = RandomActor(describe(lander(1)[0]))
    fresh = play(actor, lander(4), seeds)
    assert_same(play(actor, lander(1), seeds), fresh)
    assert_same(play(actor, lander(2), seeds[::-1]), fresh[::-1])
    assert len({episode.length for episode in fresh}) > 1
