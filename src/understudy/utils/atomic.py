"""Outputs that are whole or not there at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` to write into; it takes the place of `target` when the block ends without error.

    After an error, or an interruption, `target` is what it was before and the half-written folder is gone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished, former = target.parent / f".{target.name}.unfinished", target.parent / f".{target.name}.former"
    for leftover in (unfinished, former) if target.exists() else (unfinished,):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        if target.exists():
            os.replace(target, former)
        os.replace(unfinished, target)
    except OSError as error:
        raise _about(target, error) from error
    finally:
        if former.exists() and not target.exists():
            os.replace(former, target)
        for leftover in (unfinished, former):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it takes the place of `target` when the block ends without error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.parent / f".{target.name}.unfinished"
    try:
        yield unfinished
        os.replace(unfinished, target)
    except OSError as error:
        raise _about(target, error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _about(target: Path, error: OSError) -> OSError:
    """The error with the output that could not be written, which a failed write does not know, in the system's own words."""
    if error.errno is None:
        return error
    return OSError(error.errno, os.strerror(error.errno), str(target))
