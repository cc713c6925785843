"""Whether a folder that a stage is about to replace is its own."""

from pathlib import Path

from understudy.errors import DataError
from understudy.rollouts.parquet import open_recording

FILES = {"steps.parquet", "episodes.parquet"}


def check_own(folder: Path, demonstrator: str) -> None:
    """Refuse to replace what somebody else has put into `folder`; one that is not there, or empty, is nobody's.

    Raises:
        DataError: it holds anything but a recording of this demonstrator.
    """
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not found:
        return
    strange = sorted(found - FILES)
    whose = _demonstrator(folder)
    if strange or whose != demonstrator:
        got = f"a file {strange[0]}" if strange else f"a recording of {whose}"
        raise DataError(
            f"{folder}: expected nothing, or what this stage has written before, got {got}; nothing of yours is"
            " overwritten: move it away, and let `understudy import` make a project of it"
        )


def _demonstrator(folder: Path) -> str:
    try:
        return open_recording(folder).demonstrator
    except DataError:
        return "an unknown demonstrator"
