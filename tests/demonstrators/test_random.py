"""The random actor: uniform within the action space, from the episode's seed alone."""

from dataclasses import replace

import numpy as np

from tests.toys import CHOICES, VECTORS
from understudy.demonstrators.random import RandomActor
from understudy.step import Step

STEP = Step(np.zeros((3, 3), np.float32), np.zeros(3), np.zeros(3, np.float32), np.zeros(3, bool))  # not looked at


def started(spec, seeds: list[int]) -> RandomActor:
    actor = RandomActor(spec)
    actor.start(len(seeds))
    actor.reset(np.arange(len(seeds)), np.asarray(seeds))
    return actor


def acts(actor: RandomActor, steps: int) -> np.ndarray:
    return np.stack([actor.act(STEP).actions for _ in range(steps)])


def test_choices_are_uniform_integers():
    actions = acts(started(CHOICES, [1, 2, 3]), 2000)
    assert actions.shape == (2000, 3)
    assert actions.dtype == np.int64
    np.testing.assert_allclose(np.bincount(actions.reshape(-1), minlength=4) / 6000, [0.25] * 4, atol=0.02)


def test_vectors_are_uniform_within_their_bounds():
    actions = acts(started(VECTORS, [1, 2, 3]), 2000)
    assert actions.shape == (2000, 3, 2)
    assert actions.dtype == np.float32
    for entry, (low, high) in enumerate([(-1.0, 1.0), (-2.0, 0.5)]):
        quarters = np.histogram(actions[..., entry], bins=4, range=(low, high))[0]
        np.testing.assert_allclose(quarters / 6000, [0.25] * 4, atol=0.02)


def test_a_rows_actions_derive_from_its_seed_alone():
    alone = acts(started(CHOICES, [7]), 50)[:, 0]
    beside_others = acts(started(CHOICES, [5, 7, 6]), 50)
    np.testing.assert_array_equal(beside_others[:, 1], alone)
    assert len({tuple(column) for column in beside_others.T}) == 3


def test_an_agents_actions_derive_from_the_seed_and_its_own_number():
    """Rows are environment by environment, agent by agent."""
    actor = started(replace(CHOICES, num_agents=2), [7, 7, 5, 5, 7, 7])
    actions = acts(actor, 50)
    np.testing.assert_array_equal(actions[:, :2], actions[:, 4:])
    assert len({tuple(column) for column in actions.T}) == 4


def test_a_seeds_actions_stay_what_they_are():
    """Others would change what experts are compared with, for the same seeds."""
    assert acts(started(CHOICES, [7]), 12)[:, 0].tolist() == [1, 1, 0, 1, 1, 3, 2, 2, 3, 0, 0, 1]
    generator = np.random.default_rng([7, 2, 0])
    expected = [generator.uniform((-1.0, -2.0), (1.0, 0.5)) for _ in range(5)]
    np.testing.assert_allclose(acts(started(VECTORS, [7]), 5)[:, 0], expected, rtol=1e-6)


def test_a_reset_starts_only_its_rows_anew():
    actor = started(CHOICES, [5, 6, 7])
    undisturbed = acts(started(CHOICES, [5, 6, 7]), 30)
    acts(actor, 10)
    actor.reset(np.asarray([1]), np.asarray([7]))
    actions = acts(actor, 20)
    np.testing.assert_array_equal(actions[:, [0, 2]], undisturbed[10:, [0, 2]])
    np.testing.assert_array_equal(actions[:, 1], undisturbed[:20, 2])


def test_kept_rows_go_on():
    actor = started(CHOICES, [5, 6, 7])
    undisturbed = acts(started(CHOICES, [5, 6, 7]), 30)
    acts(actor, 10)
    actor.keep(np.asarray([2, 0]))
    np.testing.assert_array_equal(acts(actor, 20), undisturbed[10:, [2, 0]])
