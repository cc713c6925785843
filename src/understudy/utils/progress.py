"""Progress bars."""

import sys
from typing import NoReturn, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
COLUMNS = 100  # of a line in a log


class _Lines:
    """A log instead of a terminal: each state of a bar is a line of its own."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> None:
        if text.strip():
            self.file.write(text.strip("\r\n ") + "\n")

    def flush(self) -> None:
        self.file.flush()


def progress_bar(total: int, title: str, unit: str, *, shown: bool = True) -> "tqdm[NoReturn]":
    """A bar on standard error: live in a terminal, a line now and then in a log, nothing where it is not to be `shown`."""
    tqdm.monitor_interval = 0  # its watching thread must not exist when a worker process is forked
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        unit_scale=total >= 10_000,
        mininterval=0.1 if live else SECONDS_BETWEEN_LINES,
        dynamic_ncols=live,
        ncols=None if live else COLUMNS,
        file=sys.stderr if live else _Lines(sys.stderr),
        disable=not shown,
    )
