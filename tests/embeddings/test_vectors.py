"""Vectors stand for the very texts and the embedder that they were made of."""

import numpy as np
import pytest

from tests.builders import refused
from tests.embeddings.test_tfidf import SIZES, TEXTS
from understudy.embeddings.embedder import save_embedder
from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.embeddings.vectors import read_vectors, write_vectors
from understudy.errors import DataError


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "texts.parquet"
    path.write_text("texts")
    (tmp_path / "out").mkdir()
    write_vectors(tmp_path / "out", TfidfEmbedder.fit(TEXTS, **SIZES), TEXTS, path)
    return path


def test_they_come_back(source):
    found = read_vectors(source.parent / "out", source)
    assert (found == TfidfEmbedder.fit(TEXTS, **SIZES).embed(TEXTS)).all()
    assert found.dtype == np.float32


def test_vectors_of_other_texts_are_refused(source):
    source.write_text("other texts")
    with refused(DataError, "texts.json: expected vectors of the texts that are there"):
        read_vectors(source.parent / "out", source)


def test_vectors_of_another_embedder_are_refused(source):
    save_embedder(TfidfEmbedder.fit(TEXTS, **SIZES | {"dim": 2}), source.parent / "out")
    with refused(DataError, "texts.json: expected vectors of the embedder that are there"):
        read_vectors(source.parent / "out", source)


def test_damaged_vectors_are_refused(source):
    (source.parent / "out/vectors.safetensors").write_bytes(b"")
    with refused(DataError, "vectors.safetensors: expected the file that texts.json describes"):
        read_vectors(source.parent / "out", source)
