"""Turns drawn and searched: every likelihood by the chain rule, over all words that there are."""

import numpy as np
import pytest
import torch

from tests.generation.policies import SETTINGS, text_policy
from understudy.generation.prompt import may_follow, read_prompt
from understudy.generation.turns import Writer, best_turns, draw_turns
from understudy.tasks.recording import GameReader
from understudy.tasks.text import decode
from understudy.tasks.wordle import Wordle

WORDS = ["cat", "cot", "car", "cow", "dog", "dot", "dip", "pig", "pat", "pot", "ant", "bee", "bat", "big"]
WORDLE = Wordle(WORDS, max_turns=4, words_only=True, marks_name_letters=False)
PROMPTS = ("", "dog<b><g><b>", "dog<b><g><b>c")


def words(turns):
    return [decode(WORDLE.tokens, turn.tokens) for turn in turns]


def writer(policy, prompt, free=False):
    return Writer(policy, WORDLE, read_prompt(WORDLE, prompt), {}, free)


@torch.inference_mode()
def likelihood(policy, text, word):
    """Log likelihood of a word after a prompt, among the words that there are, each letter by a full pass."""
    prompt = read_prompt(WORDLE, text)
    letters = [WORDLE.tokens.index(letter) for letter in word]
    begun = len(prompt.turn)
    if letters[:begun] != prompt.turn:
        return -np.inf
    total = 0.0
    for place in range(begun, 3):
        reader, observations = GameReader(WORDLE, prompt.opening[None]), []
        observations.append(reader.observation())
        for token, reply in zip(prompt.actions, prompt.replies, strict=True):
            reader.read(token[None], reply[None])
            observations.append(reader.observation())
        for letter in letters[begun:place]:
            reader.read(np.asarray([letter]), np.full((1, 3), -1))
            observations.append(reader.observation())
        states = torch.from_numpy(policy.task.normalize_states(np.concatenate(observations)))[None]
        scores = policy.model(states, torch.tensor([len(observations)]))[0, -1].double()
        legal = torch.from_numpy(may_follow(WORDLE, letters[:place]))
        total += float(scores[letters[place]] - scores[legal].logsumexp(0))
    return total


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_wide_beam_finds_every_word_in_the_order_of_its_likelihood(prompt):
    policy = text_policy("language_bc", WORDLE, SETTINGS | {"words": WORDS})
    found = best_turns(writer(policy, prompt), 14, 14)
    expected = {word: likelihood(policy, prompt, word) for word in WORDS}
    possible = sorted((word for word in WORDS if np.isfinite(expected[word])), key=lambda word: -expected[word])
    assert words(found) == possible
    assert [turn.log_likelihood for turn in found] == pytest.approx([expected[word] for word in possible], abs=1e-5)
    assert sum(np.exp(turn.log_likelihood) for turn in found) == pytest.approx(1.0)
    assert words(best_turns(writer(policy, prompt), 1, 14)) == possible[:1]


def test_draws_are_as_frequent_as_they_are_likely():
    policy = text_policy("language_bc", WORDLE, SETTINGS | {"words": WORDS})
    drawn = words(draw_turns(writer(policy, ""), 4000, 1.0, seed=3))
    for word in WORDS:
        share, expected = drawn.count(word) / 4000, np.exp(likelihood(policy, "", word))
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 1e-9


def test_a_draw_depends_on_its_seed_alone():
    policy = text_policy("language_q", WORDLE, SETTINGS | {"words": WORDS})
    many = words(draw_turns(writer(policy, ""), 20, 1.0, seed=3))
    assert words(draw_turns(writer(policy, ""), 3, 1.0, seed=5)) == many[2:5]
    assert len(set(many)) > 1
    greedy = draw_turns(writer(policy, ""), 2, 0.0, seed=0)
    assert words(greedy)[0] == words(greedy)[1]


def test_free_it_may_write_any_letters():
    free = words(
        best_turns(writer(text_policy("language_bc", WORDLE, SETTINGS | {"words": WORDS}), "", free=True), 200, 200)
    )
    assert len(free) == 200
    assert not set(free) <= set(WORDS)
