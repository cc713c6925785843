"""TF-IDF and SVD against the same by hand: counts, weights and singular vectors from their formulas."""

import numpy as np
import pytest

from tests.builders import refused
from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.errors import DataError

TEXTS = [
    "cancel the order",
    "cancel the cancel order_id",
    "refund the money",
    "where is the order",
    "money back please",
    "the id is 12",
]
SIZES = {"dim": 3, "ngrams": 1, "min_texts": 1, "max_terms": 100, "max_characters": 1000, "seed": 0}


def weights(texts):
    """(texts, terms) of length one: (1 + ln count) * (ln((1 + n) / (1 + texts with it)) + 1)."""
    cut = [text.replace("_", " ").split() for text in texts]
    terms = sorted({term for words in cut for term in words})
    counts = np.array([[words.count(term) for term in terms] for words in cut], float)
    idf = np.log((1 + len(texts)) / (1 + (counts > 0).sum(0))) + 1
    found = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_likeness_of_texts_is_that_of_the_reduced_weights():
    found = TfidfEmbedder.fit(TEXTS, **SIZES).embed(TEXTS)
    left, values, _ = np.linalg.svd(weights(TEXTS), full_matrices=False)
    reduced = left[:, :3] * values[:3]
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found @ found.T, reduced @ reduced.T, atol=1e-4)


def test_a_text_is_embedded_on_its_own():
    embedder = TfidfEmbedder.fit(TEXTS, **SIZES)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(embedder.embed(TEXTS), alone, atol=1e-6)
    assert embedder.embed([]).shape == (0, 3)


def test_a_text_of_unknown_words_is_zero_and_others_have_length_one():
    found = TfidfEmbedder.fit(TEXTS, **SIZES).embed(["nothing known here", "", "cancel money"])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [0, 0, 1], atol=1e-6)


def test_only_so_many_characters_are_read():
    embedder = TfidfEmbedder.fit(TEXTS, **SIZES | {"max_characters": 6})
    assert (embedder.embed(["cancel order"]) == embedder.embed(["cancel"])).all()


def test_it_comes_back_from_what_it_tells_of_itself():
    embedder = TfidfEmbedder.fit(TEXTS, **SIZES | {"ngrams": 2})
    again = TfidfEmbedder.rebuild(embedder.describe(), embedder.tensors())
    assert (again.embed(TEXTS) == embedder.embed(TEXTS)).all()


@pytest.mark.parametrize(
    ("texts", "says"), [(["one", "two"], "got 2 texts with"), (["", "  "], "expected terms that occur in 1 texts")]
)
def test_too_few_texts_are_a_sentence(texts, says):
    with refused(DataError, "texts: expected", says):
        TfidfEmbedder.fit(texts, **SIZES)
