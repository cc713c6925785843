"""The vectors of all texts of imported logs, each embedded once, beside the embedder that made them.

write_vectors(folder, embedder, texts, source) -- embedder, vectors, and texts.json, which says what they are of
read_vectors(folder, source)                   -- (N, D) float32
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from understudy.embeddings.embedder import Embedder, identity, save_embedder
from understudy.errors import DataError
from understudy.utils.jsonfile import read_versioned_json, sha256, write_json
from understudy.utils.provenance import check_files

FORMAT_VERSION = 1
DESCRIPTION, VECTORS = "texts.json", "vectors.safetensors"


def write_vectors(folder: Path, embedder: Embedder, texts: Sequence[str], source: Path) -> None:
    """Embed the texts of `source`, a texts.parquet, and write vectors and embedder to an existing folder."""
    save_embedder(embedder, folder)
    vectors = np.ascontiguousarray(embedder.embed(texts), np.float32)
    (folder / VECTORS).write_bytes(safetensors.numpy.save({"vectors": vectors}))
    content = {
        "format_version": FORMAT_VERSION,
        "embedder": identity(folder),
        "texts": sha256(source),
        "files": {VECTORS: sha256(folder / VECTORS)},
    }
    write_json(folder / DESCRIPTION, content)


def read_vectors(folder: Path, source: Path) -> np.ndarray:
    """The vectors (N, D) float32 of the texts of `source`; row n is that of the text of number n.

    Raises:
        DataError: a file is missing or damaged, or the vectors are of other texts or by another embedder.
    """
    path = folder / DESCRIPTION
    content = read_versioned_json(path, FORMAT_VERSION)
    check_files(path)
    for name, expected in (("texts", sha256(source)), ("embedder", identity(folder))):
        if content.get(name) != expected:
            raise DataError(f"{path}: expected vectors of the {name} that are there, got those of others")
    try:
        return np.asarray(safetensors.numpy.load_file(folder / VECTORS)["vectors"])
    except (SafetensorError, KeyError) as error:
        raise DataError(f"{folder / VECTORS}: expected vectors, got a file that cannot be read: {error}") from None
