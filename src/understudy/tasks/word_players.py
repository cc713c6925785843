"""Who demonstrates Wordle.

consistent_player(task, rate, otherwise) -- at a rate a word that all answers so far allow, else any word, or one again
entropy_player(task)                     -- the word whose answer is expected to tell most
WordPlayer                               -- spells words, and keeps account of what may still be the answer

N games, W words, L letters a word.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from understudy.tasks.draws import pick
from understudy.tasks.task import NOTHING
from understudy.tasks.wordle import FIRST_MARK, MARKS, Wordle, code_of, feedback_codes
from understudy.utils.draws import uniform

RATE_STREAM, WORD_STREAM = 2, 3

# Seeds of the games (N,), number of the turn, which words may still be the answer and which have been guessed, (N, W) bool each
# -> a word's number each (N,) int64
Guesses = Callable[[np.ndarray, int, np.ndarray, np.ndarray], np.ndarray]


def consistent_player(task: Wordle, rate: float, otherwise: Literal["any", "repeated"]) -> "WordPlayer":
    """Guesses at random: at a rate among the words that may still be the answer, else among others.

    Args:
        task: whose words it knows.
        rate: chance of a turn's guess to be consistent; at 0 none is on purpose.
        otherwise: which words it guesses at the other turns: any, or those that it has guessed before; at the first turn any.
    """

    def guesses(seeds: np.ndarray, turn: int, candidates: np.ndarray, guessed: np.ndarray) -> np.ndarray:
        others = guessed if otherwise == "repeated" and turn > 0 else np.ones_like(candidates)
        consistent = uniform(seeds, RATE_STREAM, turn) < rate
        return pick(uniform(seeds, WORD_STREAM, turn), np.where(consistent[:, None], candidates, others))

    return WordPlayer(task, feedback_codes(task.letters), guesses)


def entropy_player(task: Wordle) -> "WordPlayer":
    """Guesses the word whose answer has the greatest entropy over the words that may still be the answer, each as likely.

    Of several such words it takes one that may be the answer, and of those the first.
    """
    codes = feedback_codes(task.letters)
    return WordPlayer(task, codes, _MostInformative(codes))


class WordPlayer:
    """Chooses a word a turn and spells it.

    Args:
        task: the words.
        codes: (W, W) `feedback_codes` of them.
        guesses: chooses words; of games that are over what it says counts for nothing.
    """

    def __init__(self, task: Wordle, codes: np.ndarray, guesses: Guesses) -> None:
        self.letters, self.codes, self.guesses = task.letters, codes, guesses

    def start(self, seeds: np.ndarray) -> None:
        """Anything may be the answer."""
        self.seeds, self.written = seeds, 0
        self.candidates = np.ones((len(seeds), len(self.letters)), np.bool_)
        self.guessed = np.zeros_like(self.candidates)
        self.words = np.zeros(len(seeds), np.int64)

    def act(self, reply: np.ndarray, legal: np.ndarray) -> np.ndarray:
        """The next letter of the chosen word, which is chosen when its first one is due."""
        turn, place = divmod(self.written, self.letters.shape[1])
        if place == 0:
            self._take_in(reply)
            self.words = self.guesses(self.seeds, turn, self.candidates, self.guessed)
            self.guessed[np.arange(len(self.words)), self.words] = True
        self.written += 1
        return self.letters[self.words, place]

    def _take_in(self, reply: np.ndarray) -> None:
        """Only words stay of which the last guess would have been answered so."""
        heard = np.flatnonzero(reply[:, 0] != NOTHING)
        said = code_of((reply[heard] - FIRST_MARK) % len(MARKS))
        self.candidates[heard] &= self.codes[self.words[heard]] == said[:, None]


class _MostInformative:
    """Games in which the same is known get the same guess, which is computed once."""

    def __init__(self, codes: np.ndarray) -> None:
        self.codes = codes
        self.computed: dict[bytes, int] = {}

    def __call__(self, seeds: np.ndarray, turn: int, candidates: np.ndarray, guessed: np.ndarray) -> np.ndarray:
        packed = np.packbits(candidates, axis=1)
        different, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        guesses = [self._guess(key.tobytes(), candidates[game]) for key, game in zip(different, first, strict=True)]
        return np.asarray(guesses, np.int64)[which.reshape(-1)]

    def _guess(self, key: bytes, candidates: np.ndarray) -> int:
        if key not in self.computed:
            entropies = answer_entropies(self.codes[:, candidates])
            best = np.flatnonzero(entropies >= entropies.max() - 1e-9)  # rounding must not decide between equals
            possible = best[candidates[best]]
            self.computed[key] = int(possible[0] if len(possible) else best[0])
        return self.computed[key]


def answer_entropies(codes: np.ndarray) -> np.ndarray:
    """Entropy in bits (W,) of the answers' codes (W, C), one for each of C equally likely words."""
    num_guesses, num_words = codes.shape
    num_codes = int(codes.max()) + 1
    flat = (codes + num_codes * np.arange(num_guesses)[:, None]).reshape(-1)
    counts = np.bincount(flat, minlength=num_guesses * num_codes).reshape(num_guesses, num_codes)
    return np.log2(num_words) - (counts * np.log2(np.maximum(counts, 1))).sum(axis=1) / num_words
