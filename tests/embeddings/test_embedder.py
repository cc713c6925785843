"""An embedder comes back from its two files to the bit, and is refused where they are not what was written."""

import json

import numpy as np
import pytest

from tests.builders import refused
from tests.embeddings.test_tfidf import SIZES, TEXTS
from understudy.embeddings.embedder import identity, load_embedder, save_embedder
from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.errors import DataError


@pytest.fixture
def folder(tmp_path):
    save_embedder(TfidfEmbedder.fit(TEXTS, **SIZES), tmp_path)
    return tmp_path


def test_it_comes_back_from_disk(folder):
    assert (load_embedder(folder).embed(TEXTS) == TfidfEmbedder.fit(TEXTS, **SIZES).embed(TEXTS)).all()
    assert {path.name for path in folder.iterdir()} == {"embedder.json", "embedder.safetensors"}


def test_components_in_another_order_of_memory_come_back_as_they_are(tmp_path):
    fitted = TfidfEmbedder.fit(TEXTS, **SIZES)
    fitted.components = np.asfortranarray(fitted.components)
    save_embedder(fitted, tmp_path)
    assert (load_embedder(tmp_path).tensors()["components"] == fitted.components).all()


def test_its_identity_is_that_of_its_numbers_too(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    fitted = TfidfEmbedder.fit(TEXTS, **SIZES)
    save_embedder(fitted, other)
    assert identity(other) == identity(folder)
    fitted.components = -fitted.components
    save_embedder(fitted, other)
    assert identity(other) != identity(folder)


def test_other_numbers_are_refused(folder):
    (folder / "embedder.safetensors").write_bytes(b"something else")
    with refused(DataError, "embedder.safetensors: expected the numbers that embedder.json describes"):
        load_embedder(folder)


@pytest.mark.parametrize("change", [{"kind": "word2vec"}, {"described": {}}, {"files": {}}])
def test_a_malformed_description_is_refused(folder, change):
    path = folder / "embedder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with refused(DataError, "embedder.json: expected an embedder's description, got a malformed one"):
        load_embedder(folder)
