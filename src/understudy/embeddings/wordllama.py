"""Texts by the mean of their tokens' vectors, which WordLlama took from a language model: quick on a CPU, and trained already."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.preprocessing import normalize

from understudy.errors import DataError, ParameterError
from understudy.sources.optional import import_optional
from understudy.utils.jsonfile import sha256


class WordLlamaEmbedder:
    """Vectors of WordLlama's default model, which its package brings along: nothing is downloaded.

    Args:
        dim: numbers a vector, of which its package holds 256; fewer are the first of them.
        max_characters: of a text that are read.

    Attributes:
        weights: SHA-256 of the weights in its package, by which they are known again.
        version: the package's.

    Raises:
        ParameterError: the library is not installed, or its vectors have fewer numbers.
    """

    kind: ClassVar[str] = "wordllama"

    def __init__(self, dim: int, max_characters: int) -> None:
        self.dim, self.max_characters = dim, max_characters
        library = import_optional("wordllama", "wordllama", "embeddings of WordLlama")
        # Its loader looks for weights in the cache first, and asks the network where that holds none.
        folder = Path(library.__file__).parent
        self.model = library.WordLlama.load(cache_dir=folder, disable_download=True)
        found = np.asarray(self.model.embed(["a"])).shape[1]
        if dim > found:
            raise ParameterError(f"texts.dim: expected at most {found}, as WordLlama's vectors have, got {dim}")
        self.version, self.weights = importlib.metadata.version("wordllama"), _hashed(folder)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, dim) float32 of N texts."""
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        found = self.model.embed([text[: self.max_characters] for text in texts])[:, : self.dim]
        return np.asarray(normalize(np.nan_to_num(np.asarray(found, np.float32))), np.float32)

    def describe(self) -> dict[str, Any]:
        """Its sizes, the package's version, and the hash of its weights."""
        sizes = {"dim": self.dim, "max_characters": self.max_characters}
        return {**sizes, "version": self.version, "weights": self.weights}

    def tensors(self) -> dict[str, np.ndarray]:
        """None: they lie in the library's package."""
        return {}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """What `describe` was told of.

        Raises:
            DataError: the package that is installed has other weights.
        """
        rebuilt = cls(int(described["dim"]), int(described["max_characters"]))
        if described["weights"] != rebuilt.weights:
            raise DataError(
                f"wordllama {rebuilt.version}: expected the weights that vectors were made with, those of"
                f" {described['version']}, got others"
            )
        return rebuilt


def _hashed(folder: Path) -> str:
    """SHA-256 of the files of weights below a folder, in the order of their names."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        total.update(f"{path.relative_to(folder).as_posix()} {sha256(path)}\n".encode())
    return total.hexdigest()
