"""What is drawn is what was recorded: replays are held against the rewards, and drawing changes nothing."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.builders import refused
from tests.toys import tiny_policy
from understudy import read_environment
from understudy.episode import UNKNOWN_SEED
from understudy.errors import DataError, ParameterError
from understudy.replay.film import Take, side_by_side, write_film
from understudy.replay.frames import RenderedEnvironment, fly, replay
from understudy.replay.insight import Insight, look

LANDER, CART_POLE = read_environment("LunarLander-v3"), read_environment("CartPole-v1")
SPREAD = read_environment("mpe2.simple_spread_v3")


@pytest.fixture(scope="module")
def flown():
    trained = tiny_policy("action_transformer", CART_POLE)
    return trained, fly(trained, 3, {})


def test_a_recorded_episode_is_drawn_step_by_step(flown):
    _, episode = flown
    frames = list(replay(episode, CART_POLE, "here"))
    assert len(frames) == episode.length + 1
    assert frames[0].shape == (400, 600, 3)
    assert len(list(replay(episode, CART_POLE, "here", {0, episode.length}))) == 2


def test_drawing_does_not_push_the_lander():
    with closing(RenderedEnvironment(LANDER)) as drawn, closing(RenderedEnvironment(LANDER)) as bare:
        drawn.prepare(5)
        drawn.reset(seed=5), bare.reset(seed=5)
        for _ in range(60):
            one, other = drawn.step(2), bare.step(2)
            assert drawn.render().shape == (400, 600, 3)
            np.testing.assert_array_equal(one[0], other[0])


def test_other_rewards_and_unknown_seeds_are_refused(flown):
    _, episode = flown
    rewards = episode.rewards.copy()
    rewards[1] += 1
    with refused(DataError, "here: expected the recorded reward 2.0000 at step 1, got 1.0000"):
        list(replay(replace(episode, rewards=rewards), CART_POLE, "here"))
    with refused(DataError, "here: expected an episode whose seed is known"):
        list(replay(replace(episode, seed=UNKNOWN_SEED), CART_POLE, "here"))


def test_what_a_policy_thought_is_told_for_each_step(flown):
    trained, episode = flown
    insight = look(trained, episode)
    assert insight.probabilities.shape == (episode.length, 2)
    np.testing.assert_allclose(insight.probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(insight.probabilities.argmax(1), episode.actions)
    assert insight.values.shape == (episode.length,)
    np.testing.assert_allclose(insight.attention.sum(1), 1, rtol=1e-4)
    assert look(tiny_policy("expert", CART_POLE), episode) == Insight()


@pytest.mark.parametrize("suffix", ["webp", "gif", "png"])
def test_films_can_be_opened(tmp_path, flown, suffix):
    trained, episode = flown
    frames = list(replay(episode, CART_POLE, "here"))
    takes = [Take(name, episode, frames, CART_POLE.action_labels, look(trained, episode)) for name in ("one", "two")]
    pictures = list(side_by_side(takes, 5))
    write_film(tmp_path / f"film.{suffix}", pictures)
    with Image.open(tmp_path / f"film.{suffix}") as film:
        assert film.width == pictures[0].width == 2 * (450 + 190) or suffix == "png"
        assert getattr(film, "n_frames", 1) == (1 if suffix == "png" else 5)


def test_another_name_is_refused(tmp_path):
    with refused(ParameterError, "--out: expected a name that ends with .webp, .gif, .mp4, .png, got film.avi"):
        write_film(tmp_path / "film.avi", [Image.new("RGB", (10, 300))])


def test_several_agents_are_drawn_and_held_against_their_rewards():
    trained = tiny_policy("mlp", SPREAD)
    episode = fly(trained, 3, {})
    frames = list(replay(episode, SPREAD, "here", {0, episode.length}))
    assert len(frames) == 2 and frames[0].ndim == 3
    assert look(trained, episode) == Insight()
    every = list(replay(episode, SPREAD, "here"))
    [picture] = side_by_side([Take("mlp", episode, every, SPREAD.action_labels, Insight())], 1)
    assert picture.height == 300
    rewards = episode.rewards.copy()
    rewards[1, 2] += 1
    with refused(DataError, "here: expected the recorded reward", "at step 1"):
        list(replay(replace(episode, rewards=rewards), SPREAD, "here"))


def test_an_mp4_is_one(tmp_path):
    pytest.importorskip("imageio_ffmpeg", reason="the extra `video` is not installed: no mp4")
    write_film(tmp_path / "film.mp4", [Image.new("RGB", (301, 300), colour) for colour in ("red", "blue")] * 5)
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
