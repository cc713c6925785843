"""Texts by the mean of their tokens' vectors, which WordLlama took from a language model: quick on a CPU, and trained already."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.preprocessing import normalize

from understudy.sources.optional import import_optional


class WordLlamaEmbedder:
    """Vectors of WordLlama's default model, which its package brings along: nothing is downloaded.

    Args:
        dim: numbers a vector, of which its package holds 256; fewer are the first of them.
        max_characters: of a text that are read.

    Raises:
        ParameterError: the library is not installed.
    """

    kind: ClassVar[str] = "wordllama"

    def __init__(self, dim: int, max_characters: int) -> None:
        self.dim, self.max_characters = dim, max_characters
        library = import_optional("wordllama", "wordllama", "embeddings of WordLlama")
        # Its loader looks for weights in the cache first, and asks the network where that holds none.
        folder = Path(library.__file__).parent
        self.model = library.WordLlama.load(cache_dir=folder, disable_download=True)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, dim) float32 of N texts."""
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        found = self.model.embed([text[: self.max_characters] for text in texts])[:, : self.dim]
        return np.asarray(normalize(np.nan_to_num(np.asarray(found, np.float32))), np.float32)

    def describe(self) -> dict[str, Any]:
        """Its sizes."""
        return {"dim": self.dim, "max_characters": self.max_characters}

    def tensors(self) -> dict[str, np.ndarray]:
        """None: they lie in the library's package."""
        return {}

    @classmethod
    def rebuild(cls, described: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Self:
        """What `describe` was told of."""
        return cls(int(described["dim"]), int(described["max_characters"]))
