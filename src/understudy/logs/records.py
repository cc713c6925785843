"""Records of a file one by one: lines of JSON, a JSON document or the entries of its list, rows of Parquet.

Record              -- decoded content and the place that it has in the file
find_files(paths)   -- the files below the paths, in an order of their own
read_records(file)  -- the records of one; what is wrong with one goes to `refuse`, which raises it or counts it

Lines and rows are read one at a time and documents whole, each of MAX_BYTES at most, and nothing else is held in memory but, of
Parquet, the pages that its rows lie in.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from understudy.errors import DataError, ParameterError
from understudy.logs.access import as_number, parse_json

SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet")
MAX_BYTES = 2**29  # of a line, of a row, or of a document
ROWS_AT_ONCE = 64  # of Parquet, decoded together; as many as have BYTES_AT_ONCE where they are large, and at least one
BYTES_AT_ONCE = 2**22

Refuse = Callable[[str], None]


@dataclass(frozen=True)
class LogFile:
    """A file; `source` is its name below the path that was given, which is what becomes known of where it lay."""

    path: Path
    source: str


@dataclass(frozen=True)
class Record:
    """What one record holds; `place` says where: "line 3", "entry 3" or "row 3", counted from 1."""

    content: Any
    place: str


def find_files(paths: Sequence[Path], left_out: Path) -> list[LogFile]:
    """Files with SUFFIXES below the paths, and those named themselves; none below `left_out`; sorted by name, then by path.

    Raises:
        ParameterError: a path does not exist.
        DataError: there is no file.
    """
    found = {}
    for given in paths:
        if not given.exists():
            raise ParameterError(f"expected a file or a folder, found no {given}")
        for path in sorted(given.rglob("*")) if given.is_dir() else [given]:
            named = given == path or path.suffix.lower() in SUFFIXES
            if named and path.is_file() and not path.resolve().is_relative_to(left_out.resolve()):
                name = path.name if path == given else path.relative_to(given).as_posix()
                source = name.encode(errors="surrogateescape").decode(errors="replace")  # as a column of text holds it
                found[path.resolve()] = LogFile(path, source)
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: expected files that end with {', '.join(SUFFIXES)}, found none")
    return sorted(found.values(), key=lambda file: (file.source, str(file.path)))


def read_records(path: Path, refuse: Refuse, progress: Callable[[int], object]) -> Iterator[Record]:
    """The records of a file; `progress` is told of bytes that have been read."""
    if path.suffix.lower() == ".parquet":
        yield from _rows(path, refuse)
        return
    with path.open("rb") as file:
        yield from _lines_or_document(file, path, refuse, progress)


def _lines_or_document(
    file: BinaryIO, path: Path, refuse: Refuse, progress: Callable[[int], object]
) -> Iterator[Record]:
    """Lines where the name says so or the first is JSON by itself, and else the document that it begins."""
    by_line, number = path.suffix.lower() in (".jsonl", ".ndjson"), 0
    while line := file.readline(MAX_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(line) > MAX_BYTES:
            refuse(f"{place}: expected at most {MAX_BYTES} bytes, got more")
            _skip_line(file, line)
            continue
        progress(len(line))
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.isspace():
            continue
        try:
            content = _decoded(line, number)
        except DataError as error:
            if not by_line:
                yield from _document(b"\n" * (number - 1) + line, file, refuse, progress)
                return
            refuse(str(error))
            continue
        by_line, line = True, b"\n"  # a long line is not held while its runs are read
        yield from _entries(content, place)


def _document(first: bytes, file: BinaryIO, refuse: Refuse, progress: Callable[[int], object]) -> Iterator[Record]:
    rest = file.read(MAX_BYTES + 1 - len(first))
    progress(len(rest))
    if len(first) + len(rest) > MAX_BYTES:
        refuse(f"expected a document of at most {MAX_BYTES} bytes, got a longer one; write JSON Lines, a run a line")
        return
    try:
        content = _decoded(first + rest, 1)
    except DataError as error:
        refuse(str(error))
        return
    del first, rest
    yield from _entries(content, "line 1")


def _decoded(data: bytes, first_line: int) -> Any:
    """The JSON of some bytes, which begin with line `first_line` of their file."""
    try:
        return parse_json(data.decode())
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        raise DataError(f"line {line}: expected UTF-8, got the byte 0x{data[error.start]:02x}") from None
    except RecursionError:
        raise DataError(f"line {first_line}: expected JSON, got it nested too deeply") from None
    except json.JSONDecodeError as error:
        end = min(error.pos, len(error.doc.rstrip()))  # what breaks off does so before the end of its line
        line, column = first_line + error.doc.count("\n", 0, end), end - error.doc.rfind("\n", 0, end)
        raise DataError(f"line {line}: expected JSON, got: {error.msg} in column {column}") from None
    except ValueError as error:
        raise DataError(f"line {first_line}: expected JSON, got: {error}") from None


def _entries(content: Any, place: str) -> Iterator[Record]:
    """The entries of a list of runs; anything else, a list of messages too, is one record."""
    if not isinstance(content, list) or (
        content and all(isinstance(each, dict) and "role" in each for each in content)
    ):
        yield Record(content, place)
        return
    for number in range(len(content)):
        entry, content[number] = content[number], None  # freed when it has been read
        yield Record(entry, f"{place}, entry {number + 1}")


def _skip_line(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(2**20)


def _rows(path: Path, refuse: Refuse) -> Iterator[Record]:
    """Rows of Parquet as objects; what is null in a structure is as good as missing, since all rows share its fields."""
    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(_rows_at_once(file), use_threads=False):
                for place in range(batch.num_rows):
                    number += 1
                    try:
                        content = _decoded_row(batch.slice(place, 1))
                    except DataError as error:
                        refuse(f"row {number}: {error}")
                        continue
                    yield Record(content, f"row {number}")
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError | ParameterError):
            raise
        refuse(f"expected a whole Parquet file, got one that cannot be read: {' '.join(str(error).split())[:300]}")


def _rows_at_once(file: pq.ParquetFile) -> int:
    """As many rows as have BYTES_AT_ONCE in the row group whose rows are the largest."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    largest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return min(max(BYTES_AT_ONCE // max(largest, 1), 1), ROWS_AT_ONCE)


def _decoded_row(batch: pa.RecordBatch) -> dict[str, Any]:
    """The one row of a batch; DataError where it is too large, or holds what Python cannot."""
    if batch.nbytes > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES} bytes, got {batch.nbytes}")
    try:
        [row] = batch.to_pylist()
    except UnicodeDecodeError as error:
        raise DataError(f"expected UTF-8, got the byte 0x{error.object[error.start]:02x}") from None
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise DataError(f"expected values that Python has, got: {' '.join(str(error).split())[:300]}") from None
    return _row(row)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row without nulls, and with columns of JSON decoded where they hold conversations."""
    content = _without_nulls(row)
    for name in ("messages", "conversations", "metadata"):
        if isinstance(content.get(name), str):
            try:
                content[name] = parse_json(content[name])
            except ValueError:
                continue  # then it is text, and the reader says what it expected
    return content


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    if isinstance(value, float):
        return as_number(value)
    return value if isinstance(value, str | int | None) else str(value)  # a time, bytes, or a decimal number
