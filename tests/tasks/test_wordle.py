"""Wordle against literal marks, and against a plain one, a game at a time."""

import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from tests.tasks.plain import plain_feedback, plain_game
from understudy.tasks.play import play
from understudy.tasks.text import decode
from understudy.tasks.word_players import consistent_player
from understudy.tasks.wordle import Wordle, as_letters, code_of, feedback, feedback_codes, word_list

FEW = ("apple", "allee", "geese", "eerie", "speed", "paper", "llama")


def marks(guess, answer):
    return "".join("byg"[mark] for mark in feedback(as_letters([guess]), as_letters([answer]))[0])


@pytest.mark.parametrize(
    ("guess", "answer", "expected"),
    [
        ("crane", "crane", "ggggg"),
        ("built", "crane", "bbbbb"),
        ("nacre", "crane", "yyyyg"),
        (
            "allee",
            "apple",
            "gybbg",
        ),  # one l is misplaced, the second has no other; the e at its place is marked, not the first
        ("apple", "allee", "gbbyg"),
        ("eerie", "geese", "ygbbg"),  # two e at their places or not, and one more that the answer has elsewhere
        ("geese", "eerie", "bgybg"),
        ("speed", "geese", "ybgyb"),
        ("llama", "apple", "ybybb"),
        ("aabbb", "cdaae", "yybbb"),
        ("aaaab", "caxxx", "bgbbb"),
    ],
)
def test_marks_of_repeated_letters(guess, answer, expected):
    assert marks(guess, answer) == expected


WORD = st.text("abc", min_size=5, max_size=5)


@examples(200)
@given(st.lists(st.tuples(WORD, WORD), min_size=1, max_size=20))
def test_marks_are_those_of_counting_letters(pairs):
    guesses, answers = (as_letters(list({word: 0 for word in words})) for words in zip(*pairs, strict=True))
    count = min(len(guesses), len(answers))
    got = feedback(guesses[:count], answers[:count])
    for row in range(count):
        spelled = ["".join(string.ascii_lowercase[letter] for letter in words[row]) for words in (guesses, answers)]
        assert "".join("byg"[mark] for mark in got[row]) == plain_feedback(*spelled)


def test_codes_of_all_pairs():
    letters = as_letters(FEW)
    codes = feedback_codes(letters)
    for g, guess in enumerate(FEW):
        for a, answer in enumerate(FEW):
            expected = code_of(np.asarray(["byg".index(mark) for mark in plain_feedback(guess, answer)]))
            assert codes[g, a] == expected


class Reciting:
    """Writes given letters, whatever is replied."""

    def __init__(self, letters):
        self.letters = letters  # (N, T)

    def start(self, seeds):
        self.written = 0

    def act(self, reply, legal):
        self.written += 1
        return self.letters[:, self.written - 1]


@examples(60)
@given(
    st.lists(st.lists(st.sampled_from(FEW), min_size=6, max_size=6), min_size=1, max_size=12),
    st.integers(0, 99),
    st.booleans(),
)
def test_games_are_those_of_the_plain_one(guesses, first_seed, words_only):
    task = Wordle(FEW, max_turns=6, words_only=words_only, marks_name_letters=False)
    seeds = np.arange(first_seed, first_seed + len(guesses))
    letters = np.stack([np.concatenate([task.letters[FEW.index(word)] for word in words]) for words in guesses])
    games = play(task, Reciting(letters), seeds)
    answers = task.reset(seeds).state["answer"]
    for game, words in enumerate(guesses):
        text, rewards = plain_game(words, FEW[answers[game]], 6)
        assert decode(task.tokens, games.text(game)) == text
        assert games.rewards[game, : games.lengths[game]].tolist() == rewards
        assert games.returns[game] == sum(rewards)


def test_only_letters_that_go_on_towards_a_word_are_legal():
    task = Wordle(("apple", "ample", "eerie"), max_turns=6, words_only=True, marks_name_letters=False)
    step = task.reset(np.arange(20))
    game = int(np.flatnonzero(step.state["answer"] != 1)[0])  # that of `ample` ends with it
    legal = [["a", "e"], ["m", "p"], ["p"], ["l"], ["e"], ["a", "e"]]
    for expected, letter in zip(legal, "ample" + "a", strict=True):
        allowed = task.legal(step.state)[game]
        assert [task.tokens[token] for token in np.flatnonzero(allowed)] == expected
        step = task.step(step.state, np.full(20, task.tokens.index(letter)))
    assert Wordle(("apple",), 6, words_only=False, marks_name_letters=False).legal(task.reset(np.arange(1)).state).all()


def test_marks_may_name_their_letters():
    plain, named = (Wordle(FEW, max_turns=6, words_only=True, marks_name_letters=which) for which in (False, True))
    games = [play(task, consistent_player(task, 0.5, "any"), np.arange(100)) for task in (plain, named)]
    assert (games[0].actions == games[1].actions).all() and (games[0].rewards == games[1].rewards).all()
    for game in range(100):
        text = decode(named.tokens, games[1].text(game))
        words = re.findall(r"([a-z]{5})((?:<.:[byg]>){5})", text)
        assert "".join(word + "".join(f"<{m}>" for m in re.findall(r":(.)", said)) for word, said in words) == decode(
            plain.tokens, games[0].text(game)
        )
        assert all("".join(re.findall(r"<(.):", said)) == word for word, said in words)


def test_a_step_leaves_the_state_before_it_as_it_is():
    task = Wordle(FEW, max_turns=1, words_only=False, marks_name_letters=False)
    before = task.reset(np.arange(4)).state
    copies = {name: values.copy() for name, values in before.items()}
    after = task.step(before, np.full(4, 3)).state
    assert all((before[name] == copies[name]).all() for name in before)
    assert (after["guess"][:, 0] == 3).all() and (after["place"] == 1).all()


def test_a_game_that_is_over_replies_and_pays_nothing():
    task = Wordle(("apple",), max_turns=6, words_only=True, marks_name_letters=False)
    step = task.reset(np.arange(2))
    for letter in "apple":
        step = task.step(step.state, np.full(2, task.tokens.index(letter)))
    assert step.terminated.all() and not task.legal(step.state).any()
    after = task.step(step.state, np.zeros(2, np.int64))
    assert (after.reply == -1).all() and (after.rewards == 0).all() and after.terminated.all()


def test_answers_are_drawn_by_seed_and_each_as_often():
    task = Wordle(word_list(100), max_turns=6, words_only=True, marks_name_letters=False)
    answers = task.reset(np.arange(10_000)).state["answer"]
    assert (task.reset(np.arange(500, 700)).state["answer"] == answers[500:700]).all()
    counts = np.bincount(answers, minlength=100)
    assert counts.min() > 60 and counts.max() < 145  # of 100, whose deviation is 10


def test_the_packages_list():
    words = word_list(2000)
    assert len(set(words)) == 2000 and {len(word) for word in words} == {5}
    assert word_list(100) == words[:100] == word_list(430)[:100]
    assert as_letters(words).shape == (2000, 5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "words: expected at least one, got none"),
        (["apple", "pear"], "expected all of them to have 5 letters, as 'apple', got 'pear'"),
        ([""], "expected all of them to have 1 letters"),
        (["apple", "app1e"], "expected letters from a to z alone, got 'app1e'"),
        (["apple", "Apple"], "expected letters from a to z alone, got 'Apple'"),
        (["apple", "eerie", "apple"], "expected each once, got 'apple' twice"),
    ],
)
def test_bad_words_are_refused(words, says):
    with refused(ValueError, "words: ", says):
        Wordle(words, 6, True, False)


@pytest.mark.parametrize("count", [0, 2001])
def test_more_words_than_there_are_are_refused(count):
    with refused(ValueError, f"words: expected from 1 to 2000 of the list, got {count}"):
        word_list(count)
