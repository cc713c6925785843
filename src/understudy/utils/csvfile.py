"""CSV tables, the same to the byte."""

import csv
import numbers
from collections.abc import Iterable, Sequence
from pathlib import Path

from understudy.utils.atomic import replace_file


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and rows; floats with 6 significant digits."""
    with replace_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([[_format(value) for value in row] for row in rows])


def _format(value: object) -> object:
    is_float = isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)
    return f"{value:.6g}" if is_float else value
