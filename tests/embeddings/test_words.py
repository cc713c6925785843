"""Words of texts, against TF-IDF by hand."""

import math

import numpy as np

from tests.builders import refused
from understudy.embeddings.words import WordIndex

TEXTS = ["red apple", "red pear", "green pear pear"]


def test_an_inner_product_is_the_cosine_of_weighed_counts():
    index = WordIndex.fit(TEXTS)
    assert index.vocabulary == ("apple", "green", "pear", "red")
    rare, common = math.log(4 / 2) + 1, math.log(4 / 3) + 1  # smoothed inverse document frequencies
    first, third = np.array([rare, 0, 0, common]), np.array([0, rare, (1 + math.log(2)) * common, 0])
    vectors = index.vectors(["red apple", "pear unknown green pear"]).toarray()
    np.testing.assert_allclose(vectors[0], first / np.linalg.norm(first), rtol=1e-6)
    np.testing.assert_allclose(vectors[1], third / np.linalg.norm(third), rtol=1e-6)


def test_it_comes_back_from_its_description():
    index = WordIndex.fit(TEXTS)
    again = WordIndex.rebuild(index.describe())
    assert (index.vectors(TEXTS).toarray() == again.vectors(TEXTS).toarray()).all()


def test_a_weight_a_term_is_needed():
    with refused(ValueError, "idf: expected 2 numbers, one a term, got 1"):
        WordIndex(["one", "two"], [1.0])
