"""Progress bars."""

import sys
from typing import NoReturn

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


def progress_bar(total: int, title: str, unit: str, *, shown: bool = True) -> "tqdm[NoReturn]":
    """A bar on standard error: live in a terminal, a line now and then in a log, nothing where it is not to be `shown`."""
    tqdm.monitor_interval = 0  # its watching thread must not exist when a worker process is forked
    interval = 0.1 if sys.stderr.isatty() else SECONDS_BETWEEN_LINES
    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        unit_scale=total >= 10_000,
        mininterval=interval,
        dynamic_ncols=True,
        disable=not shown,
    )
