"""Whether an artefact is what it claims to be, and comes from what lies beside it."""

from pathlib import Path

from understudy.errors import DataError
from understudy.utils.jsonfile import read_json, sha256


def check_files(description: Path) -> None:
    """Hold the files beside a description against the SHA-256 hashes under its key `files`.

    Raises:
        DataError: the description has none, or a file is missing or another one.
    """
    files = read_json(description).get("files")
    if not isinstance(files, dict) or not files:
        raise DataError(f"{description}: expected the hashes of the files beside it under 'files', got {files!r}")
    for name, expected in files.items():
        path = description.parent / Path(name).name
        if not path.exists():
            raise DataError(f"{path}: expected the file that {description.name} describes, found none")
        if sha256(path) != expected:
            raise DataError(
                f"{path}: expected the file that {description.name} describes ({str(expected)[:12]}),"
                f" got another ({sha256(path)[:12]})"
            )


def check_origin(folder: Path, provenance: dict[str, str], sources: dict[str, Path]) -> None:
    """Hold a policy's provenance against the descriptions of what lies in the workspace now.

    Raises:
        DataError: the policy in `folder` learned from something else, or what it learned from is not there.
    """
    for name, path in sources.items():
        if name not in provenance:
            continue
        if not path.exists():
            raise DataError(f"{path}: expected what {folder} learned from, found no such file")
        if provenance[name] != sha256(path):
            raise DataError(
                f"{folder}: expected a policy that learned from {path.parent} ({sha256(path)[:12]}),"
                f" got one that learned from other {name} ({str(provenance[name])[:12]}); train it again"
            )
