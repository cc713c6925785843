"""Texts as weights of known terms: TF-IDF to the bit as scikit-learn's TfidfVectorizer has it, for one text at a time.

TermWeights -- `weigh(texts)`

What scikit-learn checks at each call takes longer than the work on a text, which matters along a conversation.

N texts, V terms.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils.sparsefuncs_fast import inplace_csr_row_normalize_l2


class TermWeights:
    """Weighs the terms of texts: (1 + ln count) * idf, then each text by its length.

    Args:
        analyze: cuts a text into terms; a vectorizer's `build_analyzer()`.
        vocabulary: (V,) terms, each the place of its number in `idf`.
        idf: (V,) float32, inverse document frequencies.
    """

    def __init__(self, analyze: Callable[[str], list[str]], vocabulary: Sequence[str], idf: np.ndarray) -> None:
        self.analyze, self.idf = analyze, idf
        self.places = {term: place for place, term in enumerate(vocabulary)}

    def weigh(self, texts: Sequence[str]) -> csr_matrix:
        """(N, V) float32 of N texts; terms that are not in the vocabulary count for nothing."""
        places, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for text in texts:
            known = [place for term in self.analyze(text) if (place := self.places.get(term)) is not None]
            of_text = np.unique(np.asarray(known, np.int32), return_counts=True)
            places.append(of_text[0])
            counts.append(of_text[1])
        ends = np.cumsum([len(each) for each in places], dtype=np.int64)
        terms = np.concatenate(places)
        weights = (np.log(np.concatenate(counts).astype(np.float32)) + 1) * self.idf[terms]
        weighed = csr_matrix((weights, terms, ends), (len(texts), len(self.idf)))
        inplace_csr_row_normalize_l2(weighed)
        return weighed
