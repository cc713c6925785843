"""Stage fetch: the study's transcripts, checked by SHA-256. Writes data/transcripts.

They are the benchmarks' own (MIT) and stay out of the repository. Without arguments what is not there yet is fetched from GitHub,
at commits that are named here; with --from FOLDER it is taken from below that folder, where files have the names in FILES.
"""

import argparse
import hashlib
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

TARGET = Path("data/transcripts")
TIMEOUT = 60  # seconds without a byte
HOST = "https://raw.githubusercontent.com"
TAU = "sierra-research/tau-bench/59a200c6d575d595120f1cb70fea53cef0632f6b/historical_trajectories"
GYM = "sierra-research/tau2-bench/29510b1d0d47dbe502ada30079c642bd0d172ed9/src/experiments/model_training/results"
BOARD = (
    "sierra-research/tau2-bench/17e07b1/web/leaderboard/public/submissions/toolorchestra_nvidia_2025-12-02/trajectories"
)


@dataclass(frozen=True)
class Source:
    """Where on GitHub a file lies, and the SHA-256 of its content."""

    folder: str
    sha256: str


FILES = {
    "gpt-4o-airline.json": Source(TAU, "e9e6c0297660c537f83d4fd9c476ce7a9a86ecd2784874b7bfc13be598e37bfa"),
    "gpt-4.1_airline_default_gpt-4.1_1trials.json": Source(
        GYM, "57f7bba1fd0366019867f5c0af877e73b98e68040e36d0e7b064df7f7bb1c289"
    ),
    "gpt-4.1_retail_defautl_gpt-4.1_1trials.json": Source(
        GYM, "ae6720f50b64e0e28a3fda014fed084066bebf62011fd1d1c0efd2e4d2ab0b76"
    ),
    "toolorchestra_airline_gpt-5_1trial.json": Source(
        BOARD, "dded382219e6f7304a5455903dd2c89414632693cd235cb2ee609aa6c7cd60bc"
    ),
    "toolorchestra_retail_gpt-5_1trial.json": Source(
        BOARD, "7d1fad69087aec303ab82601f97d7803dd0b4f97b2fd9756243150008d67c014"
    ),
}


def main() -> None:
    """Take or fetch what is missing, and check everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="take the files from below it")
    source = parser.parse_args().source
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, origin in FILES.items():
        path = TARGET / name
        if not path.exists():
            content = _taken(source, name) if source else _fetched(f"{HOST}/{quote(f'{origin.folder}/{name}')}")
            _check(name, content, origin.sha256)
            path.write_bytes(content)
        _check(str(path), path.read_bytes(), origin.sha256)
    print(f"{len(FILES)} files in {TARGET}, as they were")


def _taken(folder: Path, name: str) -> bytes:
    found = sorted(folder.rglob(name))
    if not found:
        sys.exit(f"fetch: {folder}: expected a file {name} below it, found none")
    return found[0].read_bytes()


def _fetched(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        sys.exit(
            f"fetch: {address}: expected a file, got: {error}; `python fetch.py --from FOLDER` takes it from a folder"
        )
    return content


def _check(name: str, content: bytes, expected: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sys.exit(f"fetch: {name}: expected the file of SHA-256 {expected[:12]}, got {found[:12]}")


if __name__ == "__main__":
    main()
