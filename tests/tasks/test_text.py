"""Text to tokens and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.tasks.text import decode, encode
from understudy.tasks.wordle import Wordle

TOKENS = Wordle(("apple",), 6, words_only=True, marks_name_letters=False).tokens


@examples(50)
@given(st.lists(st.integers(0, len(TOKENS) - 1), max_size=30))
def test_a_text_comes_back(ids):
    assert encode(TOKENS, decode(TOKENS, np.asarray(ids, np.int64)), "prompt").tolist() == ids


def test_what_is_between_tokens_for_the_reader_is_none():
    assert encode(TOKENS, "ab <b>\n<g>", "prompt").tolist() == [0, 1, 26, 28]
    assert decode(TOKENS, np.asarray([0, -1, 26])) == "a<b>"


def test_the_longest_token_that_fits_is_taken():
    assert encode(("a", "ab", "b", " "), "aba b", "prompt").tolist() == [1, 0, 3, 2]


def test_an_unknown_character_is_a_sentence():
    with refused(ValueError, "prompt: expected tokens among a b", "got '!' at place 2"):
        encode(TOKENS, "ab!", "prompt")
    many = tuple(f"<{number}>" for number in range(50))
    with refused(ValueError, "prompt: expected tokens among <0> <1>", " <38> ..., got '!' at place 3"):
        encode(many, "<1>!", "prompt")
