"""The trie against prefixes of words looked up one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.tasks.trie import NOWHERE, ROOT, Trie

WORDS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=8)


@examples(60)
@given(WORDS)
def test_what_is_legal_leads_on_to_a_word(words):
    trie = Trie(words, 4)
    for prefix in (p for length in range(5) for p in itertools.product(range(4), repeat=length)):
        node = np.asarray([ROOT])
        for token in prefix:
            node = trie.advance(node, np.asarray([token]))
        longer = {
            word[len(prefix)] for word in words if tuple(word[: len(prefix)]) == prefix and len(word) > len(prefix)
        }
        assert set(np.flatnonzero(trie.legal(node)[0])) == longer
        assert (node[0] == NOWHERE) == (not any(tuple(word[: len(prefix)]) == prefix for word in words))


def test_rows_go_their_own_ways():
    trie = Trie([[0, 1], [0, 2], [1, 1]], 3)
    nodes = trie.advance(np.full(3, ROOT), np.asarray([0, 1, 2]))
    assert trie.legal(nodes).tolist() == [[False, True, True], [False, True, False], [False, False, False]]
    assert not trie.legal(trie.advance(nodes, np.asarray([2, 2, 1]))).any()


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "words: expected at least one to write"), ([[0], []], "empty word"), ([[0, 3]], "from 0 to 2, got 3")],
)
def test_bad_words_are_refused(words, says):
    with refused(ValueError, says):
        Trie(words, 3)
