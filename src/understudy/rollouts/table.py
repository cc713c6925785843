"""One Parquet file of a recording: columns as NumPy arrays, written, and read some rows at a time.

Columns                  -- the arrays by name, one entry or row a row of the file
new_file, as_table       -- writing
open_file, check_schema  -- opening, and holding the columns against what they should be
read_columns             -- all rows in bounded memory, whatever the file's row groups
joined                   -- the columns of several parts
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.errors import DataError

Columns = dict[str, np.ndarray]
ROWS_AT_ONCE = 2**17
BYTES_AT_ONCE = 2**20


def new_file(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A file to write tables to, a row group each."""
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def as_table(columns: Columns, schema: pa.Schema) -> pa.Table:
    """The columns that `schema` names, in its types."""
    return pa.Table.from_arrays([_to_arrow(columns[field.name], field.type) for field in schema], schema=schema)


def open_file(path: Path) -> pq.ParquetFile:
    """Open a file; its rows are not read.

    Raises:
        DataError: it is missing, or no Parquet file.
    """
    with _readable(path):
        # pre_buffer would hold on to the bytes of the whole file.
        file = pq.ParquetFile(path, buffer_size=BYTES_AT_ONCE, pre_buffer=False, page_checksum_verification=True)
        file.schema_arrow.names  # noqa: B018 -- decodes them: a damaged name is a damaged file
        return file


def check_schema(path: Path, got: pa.Schema, expected: pa.Schema) -> None:
    """Raise a DataError where names, order or types of the columns are others than `expected`."""
    if got.names != expected.names:
        raise DataError(f"{path}: expected the columns {', '.join(expected.names)}, got {', '.join(got.names)}")
    for field in expected:
        kind = got.field(field.name).type
        # Parquet readers may name the list's item otherwise; its type and size are what counts.
        if str(kind).replace("item", "element") != str(field.type).replace("item", "element"):
            raise DataError(f"{path}: column {field.name}: expected type {field.type}, got {kind}")


def read_columns(path: Path, file: pq.ParquetFile) -> Iterator[Columns]:
    """The rows of a file, from 1 to ROWS_AT_ONCE of them at a time.

    Raises:
        DataError: the file is damaged, or a value is null.
    """
    with _readable(path):
        batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
    first_row = 0
    while True:
        with _readable(path):
            batch = next(batches, None)
        if batch is None:
            return
        if batch.num_rows:
            names = batch.schema.names
            yield {name: _to_numpy(path, name, batch.column(name), first_row) for name in names}
        first_row += batch.num_rows


def joined(parts: list[Columns]) -> Columns:
    """Columns of consecutive rows, put together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _to_arrow(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values.astype(kind.to_pandas_dtype()))
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def _to_numpy(path: Path, name: str, column: pa.Array, first_row: int) -> np.ndarray:
    if column.null_count:
        row = first_row + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{path}: column {name}, row {row}: expected a value, got null")
    if not pa.types.is_fixed_size_list(column.type):
        return column.to_numpy(zero_copy_only=False)
    values = column.flatten()
    if values.null_count:
        raise DataError(f"{path}: column {name}: expected {column.type.list_size} values in each row, got null")
    return values.to_numpy().reshape(-1, column.type.list_size)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of any failure in the block that the file is missing or damaged."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: expected a recording, found no such file") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected a whole Parquet file, got one that cannot be read: {reason}") from None
