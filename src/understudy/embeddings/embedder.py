"""What an embedder is, and embedders on disk: embedder.json, what rebuilds it, and embedder.safetensors, its numbers.

Embedder                       -- texts become vectors
save_embedder(embedder, folder), load_embedder(folder)
identity(folder)               -- the SHA-256 that stands for an embedder in provenance
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from understudy.embeddings.hub import HubEmbedder
from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.embeddings.wordllama import WordLlamaEmbedder
from understudy.errors import DataError, ParameterError
from understudy.utils.jsonfile import read_versioned_json, sha256, write_json

FORMAT_VERSION = 1
DESCRIPTION, NUMBERS = "embedder.json", "embedder.safetensors"


class Embedder(Protocol):
    """Texts become vectors of length one, or of zeros where nothing in a text is known.

    Attributes:
        kind: its name in params.yaml.
        dim: numbers a vector.
    """

    kind: ClassVar[str]
    dim: int

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, dim) float32 of N texts; that of a text does not depend on the others."""

    def describe(self) -> dict[str, Any]:
        """JSON-ready values that rebuild it, together with its tensors."""

    def tensors(self) -> dict[str, np.ndarray]:
        """Its numbers by name; {} where they lie elsewhere."""


KINDS: dict[str, Any] = {
    TfidfEmbedder.kind: TfidfEmbedder,
    WordLlamaEmbedder.kind: WordLlamaEmbedder,
    HubEmbedder.kind: HubEmbedder,
}


def save_embedder(embedder: Embedder, folder: Path) -> None:
    """Write an embedder to an existing folder; nothing is pickled."""
    # An array in Fortran's order would be written in that order, and read in the other.
    tensors = {name: np.ascontiguousarray(each) for name, each in embedder.tensors().items()}
    (folder / NUMBERS).write_bytes(safetensors.numpy.save(tensors))
    content = {
        "format_version": FORMAT_VERSION,
        "kind": embedder.kind,
        "described": embedder.describe(),
        "files": {NUMBERS: sha256(folder / NUMBERS)},
    }
    write_json(folder / DESCRIPTION, content)


def load_embedder(folder: Path) -> Embedder:
    """Load what `save_embedder` wrote.

    Raises:
        DataError: a file is missing, malformed, of another version, or not the one that was saved with the other, or the model
            that it names is another now.
        ParameterError: the library that it needs is not installed, or there is no such model.
    """
    path = folder / DESCRIPTION
    content = read_versioned_json(path, FORMAT_VERSION)
    try:
        if not (folder / NUMBERS).is_file() or sha256(folder / NUMBERS) != content["files"][NUMBERS]:
            raise DataError(
                f"{folder / NUMBERS}: expected the numbers that {DESCRIPTION} describes, got others or none"
            )
        tensors = safetensors.numpy.load_file(folder / NUMBERS)
        embedder: Embedder = KINDS[content["kind"]].rebuild(content["described"], tensors)
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        if isinstance(error, DataError | ParameterError):
            raise
        raise DataError(f"{path}: expected an embedder's description, got a malformed one: {error!r}") from None
    return embedder


def identity(folder: Path) -> str:
    """The SHA-256 of its description, which holds that of its numbers, also where these lie elsewhere."""
    return sha256(folder / DESCRIPTION)
