"""Which columns of the data a policy learns from, with the hashes of the files that hold them.

describe_columns(reads, sequences, options) -- one policy's, JSON-ready

Training depends on this description and not on the data themselves: other options retrain only the policies that read options.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from understudy.utils.jsonfile import read_json, sha256

OF_OPTIONS = {"option", "termination"}


def describe_columns(reads: Collection[str], sequences: Path, options: Path) -> dict[str, Any]:
    """The columns that a family `reads`, and the SHA-256 of the descriptions of the data that hold them.

    Args:
        reads: names of columns. sequences: store.json. options: options.json; what it describes counts only where it is read.

    Raises:
        DataError: a description that is needed is missing or malformed.
    """
    sources = {"sequences": sequences} | ({"options": options} if OF_OPTIONS & set(reads) else {})
    for path in sources.values():
        read_json(path)
    return {"columns": sorted(reads), "sources": {name: sha256(path) for name, path in sources.items()}}
