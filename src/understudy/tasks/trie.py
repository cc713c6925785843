"""Which tokens may come next where only some words may be written.

Trie(words, num_tokens) -- from words as tokens
.advance(nodes, tokens) -- a token further
.legal(nodes)           -- the tokens that lead on

N rows, V tokens, K nodes.
"""

from collections.abc import Sequence

import numpy as np

ROOT, NOWHERE = 0, -1


class Trie:
    """Prefixes of words, one node each: ROOT is that of no token, NOWHERE that of a prefix which no word has.

    Words of different lengths want a token of their own at the end, which then belongs to the word.

    Args:
        words: each as token ids; the same word twice counts once.
        num_tokens: V, ids are below it.

    Raises:
        ValueError: there are no words, a word is empty, or a token is not from 0 to V - 1.
    """

    def __init__(self, words: Sequence[Sequence[int]], num_tokens: int) -> None:
        if len(words) == 0:
            raise ValueError("words: expected at least one to write, got none")
        children: list[list[int]] = [[NOWHERE] * num_tokens]
        for word in words:
            if len(word) == 0:
                raise ValueError("words: expected at least one token in each, got an empty word")
            node = ROOT
            for token in word:
                if not 0 <= token < num_tokens:
                    raise ValueError(f"words: expected tokens from 0 to {num_tokens - 1}, got {token}")
                if children[node][token] == NOWHERE:
                    children[node][token] = len(children)
                    children.append([NOWHERE] * num_tokens)
                node = children[node][token]
        children.append([NOWHERE] * num_tokens)  # the row at NOWHERE, from which no token leads back
        self.children = np.asarray(children, np.int64)  # (K + 1, V)
        self._leads_on = self.children != NOWHERE

    def advance(self, nodes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Nodes (N,) int64 after tokens (N,) were written at nodes (N,)."""
        return self.children[nodes, tokens]

    def legal(self, nodes: np.ndarray) -> np.ndarray:
        """Whether each token goes on towards a word, (N, V) bool; none does at a word's end and at NOWHERE."""
        return self._leads_on[nodes]
