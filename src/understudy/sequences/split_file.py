"""The file of a split: a memory-mapped Arrow file of one record batch, written and read in pieces.

split_schema(spec, state_dim)                          -- the columns
SplitWriter(path, spec, state_dim, episodes)           -- lays a file out, then takes its steps as they come
map_split(path, spec, state_dim)                       -- MappedSplit: columns as views, and chunks of steps
map_arrow(path, schema), write_arrow(path, schema, _)  -- any Arrow file of one record batch

A row is an episode, or what one of several agents did in it. Its column `sequence` is a list of steps with three fields, each of
which lies in one buffer from the first step of the first row to the last of the last: `state_action` is s_0 a_0 s_1 a_1 ...,
beside it `label` and `return_to_go`. Arrow's list offsets say where a row begins. N steps, E rows, S visible state
components, A action entries.
"""

import mmap
import os
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.errors import DataError
from understudy.spec import EnvironmentSpec

NUMBER_BYTES = 4


def action_entries(spec: EnvironmentSpec) -> int:
    """Numbers that an action takes in a sequence: one for a choice."""
    return 1 if spec.discrete_actions else spec.action_dim


def split_schema(spec: EnvironmentSpec, state_dim: int) -> pa.Schema:
    """Columns of train.arrow and validation.arrow; `truncated` takes a byte, so that it can be mapped."""
    entries = action_entries(spec)
    step = {
        "state_action": pa.list_(pa.float32(), state_dim + entries),
        "label": pa.list_(pa.float32(), entries),
        "return_to_go": pa.list_(pa.float32(), 1),
    }
    columns = {
        "episode": pa.int32(),
        "seed": pa.int64(),
        "truncated": pa.bool8(),
        "sequence": pa.large_list(pa.field("step", pa.struct(_required(step)), nullable=False)),
    }
    return pa.schema(_required(columns))


class SplitWriter:
    """A split's file, of which the episodes are known from the start and the steps come in pieces, in order.

    The file is laid out with zeros in place of the steps. One record batch is simpler to read than many, and its buffers can
    only be filled bit by bit where their places are known.
    """

    def __init__(self, path: Path, spec: EnvironmentSpec, state_dim: int, episodes: dict[str, np.ndarray]) -> None:
        """`episodes` holds episode, seed, length (E,) int and truncated (E,) bool."""
        schema = split_schema(spec, state_dim)
        offsets = np.concatenate([[0], np.cumsum(episodes["length"], dtype=np.int64)])
        kind = schema.field("sequence").type
        zeros = [_zeros(int(offsets[-1]), field.type) for field in kind.value_type]
        steps = pa.StructArray.from_arrays(zeros, fields=list(kind.value_type))
        arrays = [pa.array(episodes[name], schema.field(name).type) for name in ("episode", "seed", "truncated")]
        write_arrow(path, schema, [*arrays, pa.LargeListArray.from_arrays(pa.array(offsets), steps, type=kind)])
        self.path, self.written = path, 0
        self.fields = map_split(path, spec, state_dim).fields

    def write(self, **fields: np.ndarray) -> None:
        """Append steps: state_action (n, S + A), label (n,) or (n, A), return_to_go (n,), of any number type."""
        with self.path.open("r+b") as file:
            for name, values in fields.items():
                first_byte, numbers = self.fields[name]
                file.seek(first_byte + self.written * numbers * NUMBER_BYTES)
                file.write(np.ascontiguousarray(values, dtype=np.float32).data)
        self.written += len(fields["state_action"])


class MappedSplit:
    """One split, mapped: offsets (E + 1,) int64, seeds (E,) int64, truncated (E,) bool, columns (N, ...) float32 by name.

    `fields` says of each column at which byte of the file it begins and how many numbers a step of it has.
    """

    def __init__(self, path: Path, batch: pa.RecordBatch, mapped: pa.Buffer) -> None:
        sequence = batch.column("sequence")
        steps = sequence.values
        buffers = {field.name: steps.field(field.name).values for field in steps.type}
        self.path = path
        self.offsets = sequence.offsets.to_numpy()
        self.seeds, self.truncated = batch.column("seed").to_numpy(), batch.column("truncated").to_numpy()
        self.fields = {
            field.name: (buffers[field.name].buffers()[1].address - mapped.address, field.type.list_size)
            for field in steps.type
        }
        self.columns = {name: values.to_numpy().reshape(-1, self.fields[name][1]) for name, values in buffers.items()}
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def read(self, name: str, first: np.ndarray, length: np.ndarray, chunk_length: int) -> np.ndarray:
        """Read B chunks of a column: steps first:first + length of each, then its last step up to T = chunk_length.

        Reading at a place in the file, rather than from the mapping, leaves no page of it in this process's memory, and
        costs about the same however large the file is; a mapping makes a page fault of nearly every chunk.

        Returns:
            (B, T, numbers a step) float32.

        Raises:
            DataError: the file ends before the steps do.
        """
        first_byte, numbers = self.fields[name]
        step_bytes = numbers * NUMBER_BYTES
        places, sizes = (first_byte + first * step_bytes).tolist(), (length * step_bytes).tolist()
        read = b"".join([os.pread(self._file, size, place) for size, place in zip(sizes, places, strict=True)])
        if len(read) != sum(sizes):
            raise DataError(
                f"{self.path}: expected {sum(sizes)} bytes of {name} in {len(first)} pieces, got {len(read)}"
            )
        steps = np.frombuffer(read, np.float32).reshape(-1, numbers)
        ends = np.cumsum(length)[:, None]
        return steps[np.minimum(ends - length[:, None] + np.arange(chunk_length), ends - 1)]


def map_split(path: Path, spec: EnvironmentSpec, state_dim: int) -> MappedSplit:
    """Map a split; nothing is read but the description of its columns.

    Raises:
        DataError: the file is missing, truncated, of other columns, or its episodes have not the steps that it holds.
    """
    batch, mapped = map_arrow(path, split_schema(spec, state_dim))
    sequence = batch.column("sequence")
    ends = [sequence.offsets[0].as_py(), sequence.offsets[-1].as_py()]
    if ends != [0, len(sequence.values)]:
        raise DataError(
            f"{path}: column sequence: expected episodes from step 0 to {len(sequence.values)}, got {ends[0]} to {ends[1]}"
        )
    return MappedSplit(path, batch, mapped)


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


def _zeros(steps: int, kind: pa.DataType) -> pa.Array:
    """Steps of zeros that take no memory: pages of a fresh array that are only read are all the same one."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(steps * kind.list_size, np.float32)), type=kind)
