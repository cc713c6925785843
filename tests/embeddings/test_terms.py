"""Weights of terms are those of scikit-learn's vectorizer, to the bit."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from understudy.embeddings.terms import TermWeights

WORDS = np.array(["order", "cancel", "refund", "Please", "is", "12", "order_id", "naïve"])


def random_texts(count):
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(WORDS, generator.integers(1, 60))) for _ in range(count)]


@pytest.mark.parametrize("ngrams", [1, 2])
def test_they_are_those_of_the_vectorizer(ngrams):
    vectorizer = TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, dtype=np.float32, max_features=25)
    vectorizer.fit(random_texts(50))
    terms = TermWeights(vectorizer.build_analyzer(), vectorizer.get_feature_names_out().tolist(), vectorizer.idf_)
    texts = [*random_texts(80)[50:], "", "nothing known", "refund refund refund"]
    expected = vectorizer.transform(texts).toarray()
    assert (expected != 0).any(axis=1).sum() == 31
    together, alone = terms.weigh(texts), [terms.weigh([text]) for text in texts]
    assert together.dtype == np.float32
    assert (together.toarray() == expected).all()
    assert (np.concatenate([each.toarray() for each in alone]) == expected).all()


def test_no_texts_have_no_weights():
    assert TermWeights(str.split, ["one", "two"], np.ones(2, np.float32)).weigh([]).shape == (0, 2)
