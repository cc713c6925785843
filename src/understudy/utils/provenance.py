"""Whether an artefact is what it claims to be, and comes from what lies beside it."""

from pathlib import Path

from understudy.errors import DataError
from understudy.utils.jsonfile import content_hash, read_json, sha256

POLICY_FILES = ("model.safetensors", "policy.json")
STARTS = ("the weights that it starts from", "others")


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


def check_origin(folder: Path, provenance: dict[str, str], columns: Path) -> None:
    """Hold a policy's provenance against what select_columns says of its data now.

    Args:
        folder: of the policy.
        provenance: the SHA-256 hashes by name of what it learned from.
        columns: a JSON file with the hashes, under `sources`, of what such a policy would learn from now.

    Raises:
        DataError: the policy learned from something else, or it is not known what is there.
    """
    sources = read_json(columns).get("sources")
    if not isinstance(sources, dict):
        raise DataError(f"{columns}: expected hashes of data under 'sources', got {sources!r}")
    for name in sorted(sources.keys() | provenance.keys()):
        expected, got = sources.get(name), provenance.get(name)
        if expected != got:
            expected_source, got_source = (
                STARTS if name == "starts_from" else (f"data/processed/{name}", f"other {name}")
            )
            raise DataError(
                f"{folder}: expected a policy that learned from {expected_source} ({str(expected)[:12]}),"
                f" got one that learned from {got_source} ({str(got)[:12]}); train it again"
            )


def trainings_hash(folder: Path) -> str:
    """One SHA-256 of a policy's weights and descriptions, those of all its trainings in FOLDER/seed_*.

    Raises:
        DataError: there is no training.
    """
    files = sorted(path for name in POLICY_FILES for path in folder.glob(f"seed_*/{name}"))
    if not files:
        raise DataError(f"{folder}: expected a trained policy, with weights in {folder}/seed_*, found none")
    return content_hash({str(path.relative_to(folder)): sha256(path) for path in files})
