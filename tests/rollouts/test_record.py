"""Recording with several processes: CartPole, a random actor, a dozen seeds in blocks of five."""

import shutil
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.builders import CHOICES, assert_same_episode, random_episode, random_episodes, refused
from understudy.demonstrators.random import RandomActor
from understudy.environments.make import describe, make_environment
from understudy.errors import DataError
from understudy.rollouts.record import Plan, drop_low_returns, record


def record_anew(plan, seeds, **options):
    """Record with no block finished before."""
    with tempfile.TemporaryDirectory() as folder:
        return record(plan, seeds, blocks_folder=Path(folder), **options)


SEEDS = range(40, 52)


def broken_actor():
    raise DataError("this actor cannot be made")


@pytest.fixture(scope="module")
def plan() -> Plan:
    spec = describe(make_environment("CartPole-v1", {}))
    return Plan("CartPole-v1", {}, partial(RandomActor, spec), noise=0.3)


@pytest.fixture(scope="module")
def episodes(plan):
    return record_anew(plan, SEEDS, block_size=5, workers=1, title="test")


def test_every_seed_is_played_once_and_in_order(episodes):
    assert [episode.seed for episode in episodes] == list(SEEDS)


def test_two_workers_record_the_same_episodes(plan, episodes):
    for got, expected in zip(record_anew(plan, SEEDS, block_size=5, workers=2, title="test"), episodes, strict=True):
        assert_same_episode(got, expected)


def test_more_workers_than_blocks_record_the_same_episodes(plan, episodes):
    got = record_anew(plan, SEEDS[:3], block_size=5, workers=2, title="test")
    for episode, expected in zip(got, episodes, strict=False):
        assert_same_episode(episode, expected)
    assert len(got) == 3


def test_noise_derives_from_the_seed_alone(plan, episodes):
    backwards = record_anew(plan, list(reversed(SEEDS)), block_size=4, workers=1, title="test")
    for got, expected in zip(reversed(backwards), episodes, strict=True):
        assert_same_episode(got, expected)


def test_noise_executes_another_action_than_the_demonstrated_one(episodes):
    # A random choice of two differs half of the time: 0.15 of the steps, give or take four standard deviations.
    changed = np.concatenate([episode.actions != episode.demonstrated_actions for episode in episodes])
    assert abs(changed.mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / len(changed))


def test_without_noise_the_demonstrated_action_is_executed(plan):
    for episode in record_anew(replace(plan, noise=0.0), SEEDS[:3], block_size=5, workers=1, title="test"):
        np.testing.assert_array_equal(episode.actions, episode.demonstrated_actions)


def test_a_demonstrator_beside_the_actor_says_what_it_would_have_done(plan):
    aside = replace(plan, actor=partial(RandomActor, replace(plan.actor.args[0], num_actions=1)), noise=0.0)
    aside = replace(aside, demonstrator=plan.actor)
    alone = record_anew(replace(plan, noise=0.0), SEEDS[:3], block_size=5, workers=1, title="test")
    for episode, other in zip(record_anew(aside, SEEDS[:3], block_size=5, workers=1, title="test"), alone, strict=True):
        shared = min(episode.length, other.length)
        assert (episode.actions == 0).all()
        np.testing.assert_array_equal(episode.demonstrated_actions[:shared], other.actions[:shared])


@pytest.mark.parametrize("workers", [1, 2])
def test_what_goes_wrong_in_a_worker_is_told(plan, workers):
    with refused(DataError, "this actor cannot be made"):
        record_anew(replace(plan, actor=broken_actor), SEEDS, block_size=5, workers=workers, title="test")


def test_an_interruption_cancels_the_blocks_that_have_not_begun(plan, tmp_path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        record(plan, range(400), block_size=4, workers=1, title="test", blocks_folder=tmp_path)
    assert len(list(tmp_path.glob("block_*"))) < 50


def with_return(seed: int, total: float):
    return replace(random_episode(CHOICES, seed, 2), rewards=np.array([total, 0.0], dtype=np.float32))


def test_episodes_that_returned_too_little_are_dropped():
    episodes = [with_return(seed, total) for seed, total in enumerate([3.0, -1.0, 2.0, 1.5])]
    assert [episode.seed for episode in drop_low_returns(episodes, 2.0)] == [0, 2]


def test_without_a_minimum_all_episodes_are_kept():
    episodes = random_episodes(CHOICES, [1, 2, 3])
    assert drop_low_returns(episodes, None) == episodes


def test_no_episode_left_is_refused():
    episodes = [with_return(seed, total) for seed, total in enumerate([3.0, -1.0])]
    with refused(DataError, "rollouts.minimum_return: expected some episode to return 3.5", "got 3.0 at best of 2"):
        drop_low_returns(episodes, 3.5)


def test_blocks_that_are_finished_are_not_played_again(plan, episodes, tmp_path):
    options = {"block_size": 5, "workers": 1, "title": "test", "blocks_folder": tmp_path}
    record(plan, SEEDS, **options)
    shutil.rmtree(tmp_path / "block_5")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for got, expected in zip(record(plan, SEEDS, **options), episodes, strict=True):
        assert_same_episode(got, expected)
    assert len(list(tmp_path.iterdir())) == len(before) + 1
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
