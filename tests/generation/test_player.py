"""A learned policy plays as full passes over its texts say, whoever plays beside it."""

import numpy as np
import pytest
import torch

from tests.builders import refused
from tests.generation.policies import WORDLE, text_policy
from understudy.errors import DataError
from understudy.generation.choice import choose
from understudy.generation.player import CHOICE_STREAM, PolicyPlayer
from understudy.step import Decision
from understudy.tasks.play import play
from understudy.tasks.recording import as_episodes
from understudy.utils.draws import uniform

SEEDS = np.arange(40, 72)


@torch.inference_mode()
def scores_by_full_pass(policy, observations):
    """Scores (T, A) at each step of a game, at the default beta of a family with values."""
    states = torch.from_numpy(policy.task.normalize_states(observations))[None]
    said = policy.model(states, torch.tensor([len(observations)]))
    if policy.family == "language_bc":
        return said[0].numpy()
    logits, values, texts = said
    return (logits.log_softmax(-1) + values.amin(2) - texts[..., None])[0].numpy()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("family", ["language_bc", "language_q"])
def test_every_token_is_the_one_that_a_full_pass_over_the_text_so_far_chooses(family, temperature):
    """Games that end early are dropped from the cache on the way, and the others are not disturbed."""
    policy = text_policy(family)
    games = play(WORDLE, PolicyPlayer(policy, WORDLE, {}, temperature), SEEDS)
    assert len(set(games.lengths.tolist())) > 1
    for game, episode in enumerate(as_episodes(WORDLE, games)):
        scores = scores_by_full_pass(policy, episode.observations)
        node = 0
        for time, action in enumerate(episode.actions.tolist()):
            legal = WORDLE.trie.legal(np.asarray([node]))
            draw = uniform(SEEDS[game : game + 1], CHOICE_STREAM, time)
            assert choose(scores[time : time + 1], legal, temperature, draw).tolist() == [action]
            node = 0 if time % 3 == 2 else int(WORDLE.trie.advance(np.asarray([node]), np.asarray([action]))[0])


def test_a_game_is_the_same_alone_and_again():
    policy = text_policy("language_bc")
    player = PolicyPlayer(policy, WORDLE, {}, 1.0)
    together, again = (play(WORDLE, player, SEEDS) for _ in range(2))
    assert np.array_equal(together.actions, again.actions)
    for game in (0, 7):
        alone = play(WORDLE, player, SEEDS[game : game + 1])
        assert alone.text(0).tolist() == together.text(game).tolist()


def test_settings_of_play_reach_the_family():
    policy = text_policy("language_q")
    one, other = (play(WORDLE, PolicyPlayer(policy, WORDLE, {"beta": beta}, 0.0), SEEDS) for beta in (0.0, 50.0))
    assert not np.array_equal(one.text(0), other.text(0))


def test_a_family_without_scores_cannot_play():
    policy = text_policy("language_bc")
    policy.model.act = lambda *_: Decision(torch.zeros(2, dtype=torch.int64))
    with refused(DataError, "language_bc: expected a family that scores what it chooses among, got one that does not"):
        play(WORDLE, PolicyPlayer(policy, WORDLE, {}, 0.0), SEEDS[:2])
