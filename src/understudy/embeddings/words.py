"""Texts by their words alone, for likeness of one text to another: TF-IDF that nothing is taken out of.

WordIndex -- fitted on texts, rebuilt from vocabulary and weights

N texts, V terms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from understudy.embeddings.terms import TermWeights


class WordIndex:
    """Sparse vectors of length one from the words of a text, whose inner products are cosines.

    Args:
        vocabulary: (V,) terms, each the place of its number in `idf`.
        idf: (V,) inverse document frequencies.
    """

    def __init__(self, vocabulary: Sequence[str], idf: Sequence[float]) -> None:
        if len(vocabulary) != len(idf):
            raise ValueError(f"idf: expected {len(vocabulary)} numbers, one a term, got {len(idf)}")
        self.vocabulary = tuple(vocabulary)
        self.terms = TermWeights(_vectorizer().build_analyzer(), vocabulary, np.asarray(idf, np.float32))

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """Learn vocabulary and weights of N texts, each once."""
        fitted = _vectorizer().fit(texts)
        return cls(fitted.get_feature_names_out().tolist(), fitted.idf_.tolist())

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """(N, V) float32 of N texts."""
        return self.terms.weigh(texts)

    def describe(self) -> dict[str, Any]:
        """JSON-ready values that rebuild it."""
        return {"vocabulary": list(self.vocabulary), "idf": self.terms.idf.tolist()}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any]) -> Self:
        """What `describe` was told of."""
        return cls(described["vocabulary"], described["idf"])


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
