"""Whatever is done to a recording's files, it is refused with a DataError of one line or read as it was.

FUZZ_EXAMPLES is the number of bad inputs that all files of this folder try together.
"""

import json
import os
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, VECTORS, random_episodes, written_recording
from tests.fuzz.test_fuzz_params import fuzzed, told_at_the_end
from understudy.errors import DataError
from understudy.rollouts.parquet import Recording, read_recording
from understudy.rollouts.schema import METADATA_KEY

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "11000")) * 5 // 22
COUNTS = Counter()
SPECS = {"choices": CHOICES, "vectors": VECTORS}
FILES = ("steps.parquet", "episodes.parquet")
LENGTHS = [3, 2, 1]
SPEC, FILE = st.sampled_from(list(SPECS)), st.sampled_from(FILES)
PLACES = st.floats(0, 1, exclude_max=True)
tally = told_at_the_end("recordings", COUNTS)


class Whole:
    """An undamaged recording in a folder, and what its files hold."""

    def __init__(self, folder, spec):
        self.folder = written_recording(folder, spec, random_episodes(spec, LENGTHS, truncated=(1,)))
        self.contents = {name: (self.folder / name).read_bytes() for name in FILES}
        self.tables = {name: pq.read_table(self.folder / name, partitioning=None) for name in FILES}
        self.recording = read_recording(self.folder)

    def restore(self) -> None:
        """Undo all damage."""
        for name, content in self.contents.items():
            (self.folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> dict[str, Whole]:
    folder = tmp_path_factory.mktemp("recordings")
    return {name: Whole(folder / name, spec) for name, spec in SPECS.items()}


def assert_same(got: Recording, expected: Recording) -> None:
    """Every column, to the type and the value."""
    for one, other in ((got.steps, expected.steps), (got.episodes, expected.episodes)):
        assert one.keys() == other.keys()
        for name in other:
            assert one[name].dtype == other[name].dtype, name
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def is_refused(whole: Whole, same_metadata: bool = True) -> bool:
    """Whether the files are refused, in one line that names the folder; where they are read, they must be read right."""
    COUNTS["tried"] += 1
    try:
        got = read_recording(whole.folder)
    except DataError as error:
        COUNTS["refused"] += 1
        assert type(error) is DataError
        assert str(whole.folder) in str(error)
        assert len(str(error).splitlines()) == 1
        return True
    finally:
        whole.restore()
    assert_same(got, whole.recording)
    if same_metadata:
        assert (got.spec, got.demonstrator) == (whole.recording.spec, whole.recording.demonstrator)
    return False


KINDS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.string()]
KINDS += [pa.bool_(), pa.null(), pa.binary(), pa.timestamp("s"), pa.list_(pa.float32()), pa.list_(pa.float32(), 1)]
KINDS += [pa.list_(pa.float32(), 7), pa.list_(pa.float64(), 3), pa.dictionary(pa.int8(), pa.string()), pa.float16()]
KINDS += [pa.decimal128(9, 2), pa.struct([("a", pa.int8())]), pa.list_(pa.int64(), 2), pa.list_(pa.list_(pa.int8()))]
CHANGES = st.sampled_from(["remove", "rename", "double", "move", "retype"])


def filled(kind: pa.DataType, rows: int) -> pa.Array:
    """Rows of zeros where the type has them, else of nulls."""
    try:
        if pa.types.is_fixed_size_list(kind):
            return pa.array([[0] * kind.list_size] * rows, kind)
        return pa.array([0] * rows).cast(kind)
    except (pa.ArrowException, TypeError):
        return pa.nulls(rows, kind)


def change_columns(table: pa.Table, change: str, column: int, kind: pa.DataType, to: int) -> pa.Table:
    """Remove, rename, double, move or retype a column."""
    name, values = table.column_names[column], table.column(column)
    if change == "remove":
        return table.remove_column(column)
    if change == "rename":
        return table.rename_columns([f"{each}_" if each == name else each for each in table.column_names])
    if change == "double":
        return table.append_column(name, values)
    if change == "move":
        return table.remove_column(column).add_column(to, table.schema.field(column), values)
    return table.set_column(column, name, filled(kind, table.num_rows))


@fuzzed(0.2, EXAMPLES)
@given(
    spec=SPEC,
    name=FILE,
    changes=st.lists(st.tuples(CHANGES, PLACES, st.sampled_from(KINDS), PLACES), min_size=1, max_size=3),
)
def test_other_columns(recordings, spec, name, changes):
    """Refused unless the columns end up in the order and of the types that they had."""
    whole = recordings[spec]
    table = whole.tables[name]
    for change, column, kind, to in changes:
        if len(set(table.column_names)) == table.num_columns > 1:
            count = table.num_columns
            table = change_columns(table, change, int(column * count), kind, int(to * count))
    before = whole.tables[name]
    if [(f.name, f.type) for f in table.schema] == [(f.name, f.type) for f in before.schema] and table != before:
        return  # values of the right type put in: another recording, not a bad one
    pq.write_table(table, whole.folder / name)
    is_refused(whole)


@fuzzed(0.2, EXAMPLES)
@given(spec=SPEC, name=FILE, rows=st.lists(st.integers(0, 5), max_size=9))
def test_rows_unsorted_doubled_and_missing(recordings, spec, name, rows):
    whole = recordings[spec]
    table = whole.tables[name]
    rows = [row for row in rows if row < table.num_rows]
    pq.write_table(table.take(pa.array(rows, pa.int64())), whole.folder / name)
    assert is_refused(whole) == (rows != list(range(table.num_rows)))


NOT_FINITE = [float("nan"), float("inf"), float("-inf")]
SHIFTS = [-(2**31), -1000, -2, -1, 1, 2, 1000, 2**31 - 10]
BROKEN = {
    FILES[0]: {
        **dict.fromkeys(("episode", "step"), SHIFTS),
        "agent": SHIFTS[1:-1],
        **dict.fromkeys(("observation", "action", "demonstrated_action"), NOT_FINITE),
        "reward": [*NOT_FINITE, -100.0, 1.0, 1e30],
        "option": [-2, -3, -(2**15) + 2],
    },
    FILES[1]: {
        **dict.fromkeys(("episode", "length"), SHIFTS),
        "seed": [-1, 1],
        "return": [*NOT_FINITE, -1.0, 1e300],
        "final_observation": NOT_FINITE,
    },
}
VALUES = st.sampled_from(
    [(file, column, change) for file in FILES for column in BROKEN[file] for change in BROKEN[file][column]]
)


def shifted(column: pa.ChunkedArray, place: float, change: float) -> pa.Array:
    """The column with `change` added to one of its numbers, which wraps around as its type does."""
    kind, array = column.type, column.combine_chunks()
    is_list = pa.types.is_fixed_size_list(kind)
    values = (array.flatten() if is_list else array).to_numpy(zero_copy_only=False).copy()
    index = int(place * len(values))
    if values.dtype.kind == "i" and not np.isfinite(change):
        change = 1000
    values[index] = np.asarray(values[index] + np.float64(change)).astype(values.dtype)
    return pa.FixedSizeListArray.from_arrays(pa.array(values), type=kind) if is_list else pa.array(values, kind)


@fuzzed(0.2, EXAMPLES)
@given(spec=SPEC, value=VALUES, place=PLACES)
def test_a_value_that_breaks_a_promise(recordings, spec, value, place):
    """One number changed: not finite, outside its space, out of order, or in disagreement with the other table."""
    whole, (name, column, change) = recordings[spec], value
    table = whole.tables[name]
    index = table.column_names.index(column)
    if column == "seed" and int(place * table.num_rows) == (0 if change < 0 else table.num_rows - 1):
        return  # a new seed is as good as the old one
    changed = table.set_column(index, table.schema.field(index), shifted(table.column(index), place, change))
    pq.write_table(changed, whole.folder / name)
    assert is_refused(whole)


@fuzzed(0.05, EXAMPLES)
@given(spec=SPEC, name=FILE, column=PLACES, rows=st.sets(st.integers(0, 5), min_size=1), flags=st.booleans())
def test_nulls_and_episodes_without_an_end(recordings, spec, name, column, rows, flags):
    whole = recordings[spec]
    table = whole.tables[name]
    names = ["terminated", "truncated"] if flags and name == FILES[1] else [table.column_names[int(column * 6)]]
    rows = {row % table.num_rows for row in rows}
    for each in names:
        index, fill = table.column_names.index(each), False if len(names) == 2 else None
        values = [fill if row in rows else value for row, value in enumerate(table[each].to_pylist())]
        table = table.set_column(index, each, pa.array(values, table[each].type))
    pq.write_table(table, whole.folder / name)
    assert is_refused(whole)


@fuzzed(0.1, EXAMPLES)
@given(spec=SPEC, cuts=st.dictionaries(FILE, PLACES, min_size=1))
def test_files_cut_short_or_empty(recordings, spec, cuts):
    whole = recordings[spec]
    for name, place in cuts.items():
        (whole.folder / name).write_bytes(whole.contents[name][: int(place * len(whole.contents[name]))])
    assert is_refused(whole)


@fuzzed(0.25, EXAMPLES)
@given(
    spec=SPEC,
    name=FILE,
    flips=st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=3),
)
def test_bytes_changed_anywhere(recordings, spec, name, flips):
    whole = recordings[spec]
    content = bytearray(whole.contents[name])
    for place, mask in flips:
        content[int(place * len(content))] ^= mask
    (whole.folder / name).write_bytes(content)
    is_refused(whole)


SCALARS = st.none() | st.booleans() | st.integers(-3, 8) | st.integers() | st.floats() | st.text(max_size=4)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
KEYS = ["schema_version", "environment", "demonstrator", *sorted(CHOICES.to_json())]


def with_metadata(whole: Whole, names: tuple[str, ...], text: str) -> None:
    """Write these files with other metadata."""
    for name in names:
        pq.write_table(whole.tables[name].replace_schema_metadata({METADATA_KEY: text}), whole.folder / name)


def changed_metadata(whole: Whole, key: str, value: object) -> str:
    """The recording's metadata with one key set, its own or one of the environment's."""
    about = json.loads(whole.tables[FILES[0]].schema.metadata[METADATA_KEY])
    (about["environment"] if key in about["environment"] else about)[key] = value
    return json.dumps(about)


@fuzzed(0.1, EXAMPLES)
@given(spec=SPEC, name=FILE, key=st.sampled_from(KEYS), value=JSON)
def test_metadata_changed_in_one_file(recordings, spec, name, key, value):
    whole = recordings[spec]
    with_metadata(whole, (name,), changed_metadata(whole, key, value))
    is_refused(whole)


@fuzzed(0.1, EXAMPLES)
@given(spec=SPEC, key=st.sampled_from(KEYS), value=JSON)
def test_metadata_changed_alike_in_both_files(recordings, spec, key, value):
    """They may then describe another environment, but no other columns."""
    whole = recordings[spec]
    with_metadata(whole, FILES, changed_metadata(whole, key, value))
    is_refused(whole, same_metadata=False)


BAD_METADATA = [("num_actions", "four"), ("num_actions", []), ("num_actions", {}), ("components", 3)]
BAD_METADATA += [("components", None), ("action_high", [10**400, 1])]


@pytest.mark.parametrize(("key", "value"), BAD_METADATA, ids=lambda value: repr(value)[:12])
def test_metadata_of_wrong_types_are_refused(recordings, key, value):
    whole = recordings["vectors" if key == "action_high" else "choices"]
    with_metadata(whole, FILES, changed_metadata(whole, key, value))
    assert is_refused(whole, same_metadata=False)


def test_metadata_nested_too_deeply_are_refused(recordings):
    with_metadata(recordings["choices"], FILES, '{"a":' * 50_000)
    assert is_refused(recordings["choices"])
