"""Stage fetch: the study's transcripts, checked by SHA-256. Writes data/transcripts, data/more_transcripts and data/who_and_when.

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

DATA = Path("data")
TIMEOUT = 60  # seconds without a byte
HOST = "https://raw.githubusercontent.com"
TAU = "sierra-research/tau-bench/59a200c6d575d595120f1cb70fea53cef0632f6b/historical_trajectories"
GYM = "sierra-research/tau2-bench/29510b1d0d47dbe502ada30079c642bd0d172ed9/src/experiments/model_training/results"
BOARD = (
    "sierra-research/tau2-bench/17e07b1/web/leaderboard/public/submissions/toolorchestra_nvidia_2025-12-02/trajectories"
)
FAILURES = "mingyin1/Agents_Failure_Attribution/3d9d568840f004b389638f97adf3e0ab8b5a9514/Who&When"
TUNED = (
    "ft:gpt-4.1-2025-04-14:sierra:tau2-full-sft:BzrYdMNm"  # an agent, whose colons a file's name had better not have
)


@dataclass(frozen=True)
class Source:
    """Where on GitHub a file lies, and the SHA-256 of its content.

    `target` is the folder of data that it goes to, `name` the file's name on GitHub where that is another.
    """

    folder: str
    sha256: str
    target: str = "transcripts"
    name: str | None = None


@dataclass(frozen=True)
class Folder:
    """1.json, 2.json, ... of a folder on GitHub: how many, and the SHA-256 of the SHA-256 of each, one a line."""

    folder: str
    count: int
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
    "ft-gpt-4.1_airline_default_gpt-4.1_1trials.json": Source(
        GYM,
        "9f5e408db0fd8681e0fd07bdf62295c102244645af86314d523db7339cae6516",
        "more_transcripts",
        f"{TUNED}_airline_default_gpt-4.1_1trials.json",
    ),
    "ft-gpt-4.1_retail_default_gpt-4.1_1trials.json": Source(
        GYM,
        "48b4bbebab0c9ce2a2e8d2195fe76b2386f5a075130d6637fae8079876db9870",
        "more_transcripts",
        f"{TUNED}_retail_default_gpt-4.1_1trials.json",
    ),
    "ft-gpt-4.1_telecom_default_gpt-4.1_1trials.json": Source(
        GYM,
        "fa6844eb0ed665cd106dfe14e5885e7b0e0fc13fa633494e80ed3be65f5b4ad5",
        "more_transcripts",
        f"{TUNED}_telecom_default_gpt-4.1_1trials.json",
    ),
    "ft-gpt-4.1_telecom_no-user_gpt-4.1_1trials.json": Source(
        GYM,
        "95c19b91eab101e12bd432cf1763049dadb45966516d14291bd1395581662d71",
        "more_transcripts",
        f"{TUNED}_telecom_no-user_gpt-4.1_1trials.json",
    ),
    "gpt-4.1_telecom_default_gpt-4.1_1trials.json": Source(
        GYM, "72fa1a9c3488e6338c41a1fee98fe6aa48827ce195e14df354385dd6ac6285fa", "more_transcripts"
    ),
    "gpt-4.1_telecom_no-user_gpt-4.1_1trials.json": Source(
        GYM, "a72859d0bf7fffc46a55a92098aa720a02e3eabf423e82160634fc1b37bbc57c", "more_transcripts"
    ),
}
FOLDERS = {
    "Algorithm-Generated": Folder(
        f"{FAILURES}/Algorithm-Generated", 126, "c544282c92383d915c9debc6197ccd31e198f78af92593e852527307c43f788c"
    ),
    "Hand-Crafted": Folder(
        f"{FAILURES}/Hand-Crafted", 58, "b5fbaf855eb5a686b973ccb37841c664f1aefd335bae70bc34f90889cfffbfda"
    ),
}


def main() -> None:
    """Take or fetch what is missing, and check everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="take the files from below it")
    source = parser.parse_args().source
    for name, origin in FILES.items():
        path = DATA / origin.target / name
        if not path.exists():
            content = _given(source, name, f"{origin.folder}/{origin.name or name}")
            _check(name, content, origin.sha256)
            _write(path, content)
        _check(str(path), path.read_bytes(), origin.sha256)
    for name, folder in FOLDERS.items():
        _take_folder(source, name, folder)
    print(f"{len(FILES)} files and {len(FOLDERS)} folders in {DATA}, as they were")


def _take_folder(source: Path | None, name: str, folder: Folder) -> None:
    """All files of a folder, checked together: none is left there where one is another."""
    target = DATA / "who_and_when" / name
    files = [f"{number}.json" for number in range(1, folder.count + 1)]
    content = {
        file: (target / file).read_bytes()
        if (target / file).exists()
        else _given(source, f"{name}/{file}", f"{folder.folder}/{file}")
        for file in files
    }
    digests = "".join(f"{hashlib.sha256(each).hexdigest()}\n" for each in content.values())
    _check(str(target), digests.encode(), folder.sha256)
    for file, each in content.items():
        if not (target / file).exists():
            _write(target / file, each)


def _given(source: Path | None, name: str, address: str) -> bytes:
    return _taken(source, name) if source else _fetched(f"{HOST}/{quote(address)}")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


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
