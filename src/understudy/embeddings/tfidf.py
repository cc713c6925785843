"""Texts by their words: TF-IDF, reduced by a truncated SVD (latent semantic analysis; Deerwester et al., 1990).

TfidfEmbedder -- fitted on texts, rebuilt from vocabulary, weights and components

V terms, D numbers a vector.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from understudy.embeddings.terms import TermWeights
from understudy.errors import DataError

# Words, numbers apart from them, and what names of tools and fields consist of: `order_id` is two words.
TERMS = r"[^\W\d_]+|\d+"


class TfidfEmbedder:
    """Vectors of length one from the words of a text.

    Args:
        vocabulary: (V,) terms, each the place of its number in `idf` and of its column in `components`.
        idf: (V,) float32, inverse document frequencies.
        components: (D, V) float32, the directions of the reduced space.
        ngrams: words a term at most.
        max_characters: of a text that are read.
    """

    kind: ClassVar[str] = "tfidf"

    def __init__(
        self, vocabulary: Sequence[str], idf: np.ndarray, components: np.ndarray, ngrams: int, max_characters: int
    ) -> None:
        if not len(vocabulary) == len(idf) == components.shape[1]:
            raise ValueError(f"expected {len(vocabulary)} numbers a term, got {len(idf)} and {components.shape[1]}")
        self.vocabulary, self.components, self.ngrams = tuple(vocabulary), components, ngrams
        self.max_characters, self.dim = max_characters, len(components)
        self._by_term = np.ascontiguousarray(components.T)  # else every text would copy it for the product
        self.terms = TermWeights(_vectorizer(ngrams).build_analyzer(), vocabulary, idf.astype(np.float32))

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        dim: int,
        ngrams: int,
        min_texts: int,
        max_terms: int,
        max_characters: int,
        seed: int,
    ) -> Self:
        """Learn vocabulary, weights and components.

        Args:
            texts: to learn from, each once.
            dim: D.
            ngrams: words a term at most.
            min_texts: in which a term must occur.
            max_terms: V at most, those that occur most often.
            max_characters: of a text that are read.
            seed: of the randomised SVD.

        Raises:
            DataError: the texts have no more terms than D, or there are no more texts than D.
        """
        vectorizer = _vectorizer(ngrams, min_df=min_texts, max_features=max_terms)
        try:
            counts = vectorizer.fit_transform([text[:max_characters] for text in texts])
        except ValueError:
            raise DataError(f"texts: expected terms that occur in {min_texts} texts, found none") from None
        if min(counts.shape) <= dim:
            raise DataError(
                f"texts: expected more than texts.dim = {dim} texts and terms, got {counts.shape[0]} texts with"
                f" {counts.shape[1]} terms that occur in {min_texts} of them"
            )
        svd = TruncatedSVD(dim, random_state=seed).fit(counts)
        components = svd.components_.astype(np.float32)
        return cls(vectorizer.get_feature_names_out().tolist(), vectorizer.idf_, components, ngrams, max_characters)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, D) float32 of N texts."""
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        weights = self.terms.weigh([text[: self.max_characters] for text in texts])
        reduced = np.asarray(weights @ self._by_term, np.float32)
        lengths = np.sqrt(np.einsum("nd,nd->n", reduced, reduced))[:, None]
        return reduced / np.where(lengths == 0, np.float32(1), lengths)

    def describe(self) -> dict[str, Any]:
        """The vocabulary, and how texts are cut into terms."""
        return {"vocabulary": list(self.vocabulary), "ngrams": self.ngrams, "max_characters": self.max_characters}

    def tensors(self) -> dict[str, np.ndarray]:
        """Inverse document frequencies and components."""
        return {"idf": self.terms.idf, "components": self.components}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """What `describe` and `tensors` were told of."""
        ngrams, most = int(described["ngrams"]), int(described["max_characters"])
        return cls(described["vocabulary"], tensors["idf"], tensors["components"], ngrams, most)


def _vectorizer(ngrams: int, **options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=TERMS, ngram_range=(1, ngrams), sublinear_tf=True, dtype=np.float32, **options)
