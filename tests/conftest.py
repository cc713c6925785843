"""What all processes of a run of pytest share."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def pytest_collection_finish() -> None:
    """Leave all tests and libraries that are there by now out of every later round of garbage collection: they stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id):
    """A folder of this run of pytest that all of its processes see."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def made_once(shared):
    """Folders that take long to make, by name: whoever of pytest's processes wants one first makes it, the others wait for it.

    They are everybody's: a test that changes something wants a copy.
    """

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                folder.mkdir()
                make(folder)
                (shared / f"{name}.made").touch()
        return folder

    return made
