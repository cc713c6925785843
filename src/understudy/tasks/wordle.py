"""Wordle, after the protocol of LMRL-Gym (Abdulhai et al. 2023): a word a turn, six turns, -1 for each wrong guess.

Wordle                        -- the task
feedback(guesses, answers)    -- what is said of each letter
feedback_codes(words)         -- the same for all pairs of words, as one number each
word_list(words)              -- the words of a setting: how many of the package's own, or words given

N games, L letters a word, W words.

The player writes letters; after the last one of a word the task writes a mark for each letter: `<g>` it is at its place, `<y>` it
is at another, `<b>` it is not, or not so often. A letter is marked as often as the answer has it, those at their place first.
"""

import string
from collections.abc import Sequence

import numpy as np

from understudy.tasks.task import NOTHING, State, TextStep
from understudy.tasks.trie import ROOT, Trie
from understudy.tasks.word_list import WORDS
from understudy.utils.draws import uniform

LETTERS = tuple(string.ascii_lowercase)
MARKS = ("<b>", "<y>", "<g>")
ABSENT, PRESENT, CORRECT = range(3)
FIRST_MARK = len(LETTERS)
ANSWER_STREAM = 0


class Wordle:
    """One game a seed, which draws its answer among the words, each as likely as the others.

    Args:
        words: those that may be the answer, of one length.
        max_turns: guesses.
        words_only: whether only these may be guessed; any letters otherwise.
        marks_name_letters: whether a mark is a token of its letter too, as `<a:y>`, so that what it says stands in one token.

    Attributes:
        letters: (W, L) int64, the words as tokens.

    Raises:
        ValueError: no words, one twice, of different lengths, or with something else than letters from a to z.
    """

    num_actions = len(LETTERS)

    def __init__(self, words: Sequence[str], max_turns: int, words_only: bool, marks_name_letters: bool) -> None:
        self.words, self.max_turns, self.words_only = tuple(words), max_turns, words_only
        self.marks_name_letters = marks_name_letters
        named = tuple(f"<{letter}:{mark[1]}>" for letter in LETTERS for mark in MARKS)
        self.tokens = (*LETTERS, *(named if marks_name_letters else MARKS))
        self.letters = as_letters(words)
        self.turn_length = self.reply_length = self.letters.shape[1]
        self.trie = Trie(self.letters.tolist(), self.num_actions)

    def reset(self, seeds: np.ndarray) -> TextStep:
        """Games (N,) whose text is empty."""
        zeros = np.zeros(len(seeds), np.int64)
        state = {
            "answer": (uniform(seeds, ANSWER_STREAM) * len(self.words)).astype(np.int64),
            "guess": np.zeros(
                (len(seeds), self.turn_length), np.int64
            ),  # its letters so far, and older ones behind them
            "place": zeros,  # of the next letter
            "turn": zeros,
            "node": np.full(len(seeds), ROOT),
            "over": np.zeros(len(seeds), np.bool_),
        }
        return self._result(state, np.zeros(len(seeds), np.bool_))

    def step(self, state: State, actions: np.ndarray) -> TextStep:
        """Write a letter a game; a word's last one is answered with its marks and paid for."""
        playing, guess = ~state["over"], state["guess"].copy()
        guess[playing, state["place"][playing]] = actions[playing]
        ends = playing & (state["place"] == self.turn_length - 1)
        turn = state["turn"] + ends
        solved = ends & (guess == self.letters[state["answer"]]).all(axis=1)
        after = {
            "answer": state["answer"],
            "guess": guess,
            "place": np.where(ends, 0, state["place"] + playing),
            "turn": turn,
            "node": np.where(ends | ~playing, ROOT, self._advance(state["node"], actions, playing)),
            "over": state["over"] | solved | (turn == self.max_turns),
        }
        return self._result(after, ends, np.where(ends & ~solved, -1.0, 0.0))

    def legal(self, state: State) -> np.ndarray:
        """Letters that go on towards a word, or all where anything may be guessed."""
        letters = self.trie.legal(state["node"]) if self.words_only else np.ones((1, self.num_actions), np.bool_)
        return letters & ~state["over"][:, None]

    def _advance(self, nodes: np.ndarray, actions: np.ndarray, playing: np.ndarray) -> np.ndarray:
        return self.trie.advance(nodes, np.where(playing, actions, 0)) if self.words_only else nodes

    def _result(self, state: State, ends: np.ndarray, rewards: np.ndarray | None = None) -> TextStep:
        reply = np.full((len(ends), self.reply_length), NOTHING)
        if ends.any():
            guess = state["guess"][ends]
            of_letter = len(MARKS) * guess if self.marks_name_letters else 0
            reply[ends] = FIRST_MARK + of_letter + feedback(guess, self.letters[state["answer"][ends]])
        paid = np.zeros(len(ends)) if rewards is None else rewards
        return TextStep(state, reply, paid.astype(np.float32), state["over"])


def feedback(guesses: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """ABSENT, PRESENT or CORRECT for each letter of guesses (N, L), by answers (N, L); (N, L) int64."""
    correct = guesses == answers
    marks = np.where(correct, CORRECT, ABSENT)
    unmarked = ~correct  # letters of the answer that no letter of the guess has been marked for
    for place in range(guesses.shape[1]):
        misplaced = unmarked & (answers == guesses[:, place, None]) & ~correct[:, place, None]
        found = np.flatnonzero(misplaced.any(axis=1))
        marks[found, place] = PRESENT
        unmarked[found, misplaced[found].argmax(axis=1)] = False
    return marks


def code_of(marks: np.ndarray) -> np.ndarray:
    """Marks (..., L) as one number each from 0 to 3^L - 1, (...) int64."""
    return marks @ len(MARKS) ** np.arange(marks.shape[-1])


def feedback_codes(letters: np.ndarray) -> np.ndarray:
    """The code of what is said of guess g when the answer is a, (W, W) int16 at [g, a], of words as letters (W, L)."""
    return np.stack([code_of(feedback(np.broadcast_to(guess, letters.shape), letters)) for guess in letters]).astype(
        np.int16
    )


def as_letters(words: Sequence[str]) -> np.ndarray:
    """Words as tokens (W, L) int64.

    Raises:
        ValueError: no words, one twice, of different lengths, or with something else than letters from a to z.
    """
    if len(words) == 0:
        raise ValueError("words: expected at least one, got none")
    length = len(words[0])
    for word in words:
        if len(word) != length or length == 0:
            raise ValueError(
                f"words: expected all of them to have {max(length, 1)} letters, as {words[0]!r}, got {word!r}"
            )
        if not set(word) <= set(LETTERS):
            raise ValueError(f"words: expected letters from a to z alone, got {word!r}")
    if len(set(words)) < len(words):
        twice = next(word for place, word in enumerate(words) if word in words[:place])
        raise ValueError(f"words: expected each once, got {twice!r} twice")
    return np.asarray([[LETTERS.index(letter) for letter in word] for word in words], np.int64)


def word_list(words: int | Sequence[str]) -> tuple[str, ...]:
    """So many of the package's words, the most frequent ones, or the words given.

    Raises:
        ValueError: more than there are.
    """
    if not isinstance(words, int):
        return tuple(words)
    own = WORDS.split()
    if not 1 <= words <= len(own):
        raise ValueError(f"words: expected from 1 to {len(own)} of the list, got {words}")
    return tuple(own[:words])
