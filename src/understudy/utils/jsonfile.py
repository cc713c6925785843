"""JSON that comes out the same to the byte, and is refused with a sentence when it cannot be read."""

import hashlib
import json
from pathlib import Path
from typing import Any

from understudy.errors import DataError
from understudy.utils.atomic import replace_file


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` with sorted keys; NaN and infinities are a ValueError, since JSON has none."""
    with replace_file(path) as unfinished:
        unfinished.write_text(_as_text(content), encoding="utf-8")


def content_hash(content: dict[str, Any]) -> str:
    """The SHA-256 of the text that `write_json` would write, in hexadecimal."""
    return hashlib.sha256(_as_text(content).encode()).hexdigest()


def _as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing, unreadable, not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: expected a file, found none") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, got: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def read_versioned_json(
    path: Path, format_version: int, remedy: str = "make it again with `dvc repro`"
) -> dict[str, Any]:
    """Read a JSON object whose `format_version` is this one; `remedy` says what to do about another one.

    Raises:
        DataError: it is another version, or as in read_json.
    """
    content = read_json(path)
    found = content.get("format_version")
    if found != format_version:
        raise DataError(f"{path}: expected format_version {format_version}, got {found!r}; {remedy}")
    return content


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
