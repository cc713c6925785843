"""Demonstrators of Wordle against what a game's text allows, word by word, and an entropy by hand."""

import math
from collections import Counter

import numpy as np
import pytest

from tests.tasks.plain import plain_feedback
from understudy.tasks.play import play
from understudy.tasks.text import decode
from understudy.tasks.word_players import answer_entropies, consistent_player, entropy_player
from understudy.tasks.wordle import Wordle, feedback_codes, word_list

TASK = Wordle(word_list(60), max_turns=6, words_only=True, marks_name_letters=False)
SEEDS = np.arange(400)
PLAYERS = {
    "random": lambda: consistent_player(TASK, 0.0, "any"),
    "mixed": lambda: consistent_player(TASK, 0.5, "any"),
    "repeating": lambda: consistent_player(TASK, 0.5, "repeated"),
    "consistent": lambda: consistent_player(TASK, 1.0, "any"),
    "greedy_entropy": lambda: entropy_player(TASK),
}


def guesses_of(games):
    return [
        ["".join(word) for word in zip(*[iter(decode(TASK.tokens, row))] * 5, strict=True)] for row in games.actions
    ]


def share_consistent(games):
    """Share of the guesses after the first that all marks before them allow."""
    answers = TASK.reset(games.seeds).state["answer"]
    allowed = [
        all(plain_feedback(before, guess) == plain_feedback(before, TASK.words[answer]) for before in guesses[:turn])
        for guesses, answer in zip(guesses_of(games), answers, strict=True)
        for turn, guess in enumerate(guesses)
        if turn > 0
    ]
    return np.mean(allowed)


def test_how_often_they_are_consistent():
    shares = {name: share_consistent(play(TASK, make(), SEEDS)) for name, make in PLAYERS.items()}
    assert shares["consistent"] == 1
    assert shares["random"] < 0.1
    assert 0.5 < shares["mixed"] < 0.6  # any word may be consistent too


def test_a_bad_habit_is_to_guess_a_word_again():
    shares = {}
    for name in ("repeating", "mixed"):
        games = guesses_of(play(TASK, PLAYERS[name](), SEEDS))
        again = [guess in guesses[:turn] for guesses in games for turn, guess in enumerate(guesses) if turn > 0]
        shares[name] = np.mean(again)
        assert len({guesses[0] for guesses in games}) > 50  # at first there is none to repeat
    assert 0.45 < shares["repeating"] < 0.55
    assert shares["mixed"] < 0.05


def test_who_knows_more_loses_less():
    returns = {name: play(TASK, make(), SEEDS).returns.mean() for name, make in PLAYERS.items()}
    assert returns["random"] < returns["mixed"] - 1 < returns["consistent"] - 1.5 < returns["greedy_entropy"] - 1.6


@pytest.mark.parametrize("name", PLAYERS)
def test_a_game_is_the_same_in_any_company_and_again(name):
    player = PLAYERS[name]()
    games, some = play(TASK, player, SEEDS), play(TASK, player, SEEDS[30:40])
    longest = some.actions.shape[1]
    assert (games.actions[30:40, :longest] == some.actions).all()
    assert (games.returns[30:40] == some.returns).all()


def entropy(guess, candidates):
    counts = Counter(plain_feedback(guess, word) for word in candidates)
    return -sum(count / len(candidates) * math.log2(count / len(candidates)) for count in counts.values())


def test_the_entropy_of_answers_is_that_of_counting_marks():
    candidates = [3, 10, 11, 40, 59]
    got = answer_entropies(feedback_codes(TASK.letters)[:, candidates])
    assert got == pytest.approx([entropy(word, [TASK.words[each] for each in candidates]) for word in TASK.words])


def test_the_greedy_player_takes_the_first_of_the_best_words():
    games = play(TASK, entropy_player(TASK), SEEDS[:40])
    answers = TASK.reset(games.seeds).state["answer"]
    for guesses, answer in zip(guesses_of(games), answers, strict=True):
        candidates = list(TASK.words)
        for guess in guesses:
            value = {word: round(entropy(word, candidates), 6) for word in TASK.words}
            best = max(TASK.words, key=lambda word: (value[word], word in candidates, -TASK.words.index(word)))
            assert guess == best
            said = plain_feedback(guess, TASK.words[answer])
            candidates = [word for word in candidates if plain_feedback(guess, word) == said]
