"""The file of a split: a memory-mapped Arrow file of one record batch, written and read in pieces.

split_schema(task)                                     -- the columns
SplitWriter(path, task, episodes)                      -- lays a file out, then takes its steps as they come
map_split(path, task)                                  -- MappedSplit: columns as views, and chunks of steps
map_arrow(path, schema), write_arrow(path, schema, _)  -- any Arrow file of one record batch

A row is an episode, or what one of several agents did in it. Its column `sequence` is a list of steps whose fields are the
columns of columns.py, each of which lies in one buffer from the first step of the first row to the last of the last. Arrow's
list offsets say where a row begins. N steps, E rows.
"""

import mmap
import os
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.errors import DataError
from understudy.interface import Task
from understudy.sequences.columns import Column, episode_columns, step_columns


def split_schema(task: Task) -> pa.Schema:
    """Columns of train.arrow and validation.arrow."""
    step = {name: column.arrow_type for name, column in step_columns(task).items()}
    sequence = pa.large_list(pa.field("step", pa.struct(_required(step)), nullable=False))
    return pa.schema(_required(episode_columns(task) | {"sequence": sequence}))


class SplitWriter:
    """A split's file, of which the episodes are known from the start and the steps come in pieces, in order.

    The file is laid out with zeros in place of the steps. One record batch is simpler to read than many, and its buffers can
    only be filled bit by bit where their places are known.
    """

    def __init__(self, path: Path, task: Task, episodes: dict[str, np.ndarray]) -> None:
        """`episodes` holds length (E,) int and the columns of `episode_columns`, (E,) or (E, S)."""
        schema = split_schema(task)
        offsets = np.concatenate([[0], np.cumsum(episodes["length"], dtype=np.int64)])
        kind = schema.field("sequence").type
        columns = step_columns(task)
        zeros = [_zeros(int(offsets[-1]), columns[field.name]) for field in kind.value_type]
        steps = pa.StructArray.from_arrays(zeros, fields=list(kind.value_type))
        arrays = [_as_arrow(episodes[name], schema.field(name).type) for name in episode_columns(task)]
        write_arrow(path, schema, [*arrays, pa.LargeListArray.from_arrays(pa.array(offsets), steps, type=kind)])
        self.path, self.written, self.columns = path, 0, columns
        self.first_bytes = map_split(path, task).first_bytes

    def write(self, **steps: np.ndarray) -> None:
        """Append n steps: each column (n,) or (n, numbers), of any number type."""
        with self.path.open("r+b") as file:
            for name, values in steps.items():
                column = self.columns[name]
                file.seek(self.first_bytes[name] + self.written * column.step_bytes)
                file.write(np.ascontiguousarray(values, dtype=column.dtype).data)
        self.written += len(steps["observation"])


class MappedSplit:
    """One split, mapped.

    Attributes:
        offsets: (E + 1,) int64, the first step of each row.
        episodes: (E, ...) by name, the columns of the episodes.
        columns: (N, numbers) by name, the columns of the steps as views of the file.
        first_bytes: at which byte of the file each of them begins.
    """

    def __init__(self, path: Path, task: Task, batch: pa.RecordBatch, mapped: pa.Buffer) -> None:
        sequence = batch.column("sequence")
        steps = sequence.values
        buffers = {field.name: steps.field(field.name).values for field in steps.type}
        self.path, self.kinds = path, step_columns(task)
        self.offsets = sequence.offsets.to_numpy()
        self.episodes = {name: _as_numpy(batch.column(name)) for name in episode_columns(task)}
        self.first_bytes = {name: values.buffers()[1].address - mapped.address for name, values in buffers.items()}
        self.columns = {
            name: values.to_numpy().reshape(-1, self.kinds[name].numbers) for name, values in buffers.items()
        }
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, name: str, first: np.ndarray, length: np.ndarray, chunk_length: int) -> np.ndarray:
        """Read B chunks of a column: steps first:first + length of each, then its last step up to T = chunk_length.

        Reading at a place in the file, rather than from the mapping, leaves no page of it in this process's memory, and
        costs about the same however large the file is; a mapping makes a page fault of nearly every chunk.

        Returns:
            (B, T, numbers a step) of the column's type.

        Raises:
            DataError: the file ends before the steps do.
        """
        column = self.kinds[name]
        places = (self.first_bytes[name] + first * column.step_bytes).tolist()
        sizes = (length * column.step_bytes).tolist()
        read = b"".join([os.pread(self._file, size, place) for size, place in zip(sizes, places, strict=True)])
        if len(read) != sum(sizes):
            raise DataError(
                f"{self.path}: expected {sum(sizes)} bytes of {name} in {len(first)} pieces, got {len(read)}"
            )
        steps = np.frombuffer(read, column.dtype).reshape(-1, column.numbers)
        ends = np.cumsum(length)[:, None]
        return steps[np.minimum(ends - length[:, None] + np.arange(chunk_length), ends - 1)]


def map_split(path: Path, task: Task) -> MappedSplit:
    """Map a split; nothing is read but the description of its columns.

    Raises:
        DataError: the file is missing, truncated, of other columns, or its episodes have not the steps that it holds.
    """
    batch, mapped = map_arrow(path, split_schema(task))
    sequence = batch.column("sequence")
    ends = [sequence.offsets[0].as_py(), sequence.offsets[-1].as_py()]
    if ends != [0, len(sequence.values)]:
        raise DataError(
            f"{path}: column sequence: expected episodes from step 0 to {len(sequence.values)}, got {ends[0]} to {ends[1]}"
        )
    return MappedSplit(path, task, batch, mapped)


def map_arrow(path: Path, schema: pa.Schema) -> tuple[pa.RecordBatch, pa.Buffer]:
    """Map an Arrow file that holds one record batch of `schema`; returns the batch and the whole file, mapped.

    Raises:
        DataError: the file is missing, truncated, or holds something else.
    """
    try:
        # pyarrow's own mapping asks the system to fetch the whole file at once.
        with path.open("rb") as file:
            mapped = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        reader = pa.ipc.open_file(mapped)
        if reader.schema != schema or reader.num_record_batches != 1:
            raise DataError(
                f"{path}: expected one batch of the columns {', '.join(schema.names)} as written by this version,"
                f" got {reader.num_record_batches} of {', '.join(reader.schema.names)}"
            )
        batch = reader.get_batch(0)
        batch.validate()
        return batch, mapped
    except FileNotFoundError:
        raise DataError(f"{path}: expected sequences, found no such file") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected a whole Arrow file, got one that cannot be read: {error}") from None


def write_arrow(path: Path, schema: pa.Schema, arrays: list[pa.Array]) -> None:
    """Write one record batch as an Arrow file that can be mapped."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _required(fields: dict[str, pa.DataType]) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name, kind in fields.items()]


def _zeros(steps: int, column: Column) -> pa.Array:
    """Steps of zeros that take no memory: pages of a fresh array that are only read are all the same one."""
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.zeros(steps * column.numbers, column.dtype)), type=column.arrow_type
    )


def _as_arrow(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    flat = pa.array(np.ascontiguousarray(values, kind.value_type.to_pandas_dtype()).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def _as_numpy(column: pa.Array) -> np.ndarray:
    if not pa.types.is_fixed_size_list(column.type):
        return column.to_numpy(zero_copy_only=False)
    return column.values.to_numpy().reshape(-1, column.type.list_size)
