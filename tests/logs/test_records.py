"""Records of lines, documents and rows, and what is wrong with files."""

import json
import tracemalloc
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import refused
from understudy.errors import DataError, ParameterError
from understudy.logs import records
from understudy.logs.records import find_files, read_records

ONE, TWO = {"a": 1}, {"a": 2}


def read(path):
    """Places, contents, and what was refused."""
    problems, told = [], []
    found = [(record.place, record.content) for record in read_records(path, problems.append, told.append)]
    if path.suffix != ".parquet" and not problems:
        assert sum(told) == path.stat().st_size
    return found, problems


def file(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.json", "x.txt"])
def test_lines_are_records_and_blank_ones_are_not(tmp_path, name):
    found, problems = read(file(tmp_path, name, '\ufeff{"a": 1}\n\n{"a": 2}'))
    assert (found, problems) == ([("line 1", ONE), ("line 3", TWO)], [])


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_is_a_record_and_a_list_is_one_an_entry(tmp_path, indent):
    assert read(file(tmp_path, "x.json", json.dumps(ONE, indent=indent))) == ([("line 1", ONE)], [])
    entries = [("line 1, entry 1", ONE), ("line 1, entry 2", TWO)]
    assert read(file(tmp_path, "y.json", json.dumps([ONE, TWO], indent=indent))) == (entries, [])


def test_a_list_of_messages_is_one_record(tmp_path):
    messages = [{"role": "user", "content": "a"}]
    assert read(file(tmp_path, "x.jsonl", json.dumps(messages)))[0] == [("line 1", messages)]


def test_what_json_has_not_becomes_null(tmp_path):
    assert read(file(tmp_path, "x.jsonl", '{"a": NaN, "b": -Infinity}'))[0] == [("line 1", {"a": None, "b": None})]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"a": 1', "line 2: expected JSON, got: Expecting ',' delimiter"),
        (b"\xff", "line 2: expected UTF-8, got the byte 0xff"),
        (b'{"a": "\xc3("}', "line 2: expected UTF-8, got the byte 0xc3"),
        (b"[" * 200_000, "line 2: expected JSON, got it nested too deeply"),
        (b"9" * 5000, "line 2: expected JSON, got: Exceeds the limit"),
    ],
)
def test_a_bad_line_is_told_and_the_next_is_read(tmp_path, line, says):
    found, [problem] = read(file(tmp_path, "x.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 2}\n'))
    assert found == [("line 1", ONE), ("line 3", TWO)]
    assert problem.startswith(says)


def test_a_broken_document_is_told_with_its_line(tmp_path):
    found, [problem] = read(file(tmp_path, "x.json", '\n{\n "a": 1,\n oops\n}'))
    assert found == []
    assert problem.startswith("line 4: expected JSON, got: ")


def test_a_line_or_document_that_is_too_long_is_told_and_never_held(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_BYTES", 40)
    found, problems = read(file(tmp_path, "x.jsonl", json.dumps({"a": "x" * 100}) + '\n{"a": 2}'))
    assert (found, problems) == ([("line 2", TWO)], ["line 1: expected at most 40 bytes, got more"])
    found, problems = read(file(tmp_path, "x.json", json.dumps({"a": ["x"] * 100}, indent=1)))
    assert found == []
    assert problems == ["expected a document of at most 40 bytes, got a longer one; write JSON Lines, a run a line"]


def test_rows_of_parquet_are_records_without_nulls(tmp_path):
    calls = [{"id": "1", "arguments": {"x": 1, "y": None}}]
    rows = [
        {
            "messages": [
                {"role": "user", "content": "a", "calls": None},
                {"role": "assistant", "content": None, "calls": calls},
            ]
        },
        {"messages": None},
    ]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "calls": [{"id": "1", "arguments": {"x": 1}}]}]
    assert read(path) == ([("row 1", {"messages": messages}), ("row 2", {})], [])


def test_a_row_that_is_too_long_or_no_utf_8_is_told_and_the_next_is_read(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    texts = pa.array([b"a", b"b" * 200, b"\xc3(", b"c"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 4, texts.buffers())
    pq.write_table(pa.table({"a": broken}), path)
    monkeypatch.setattr(records, "MAX_BYTES", 100)
    found, problems = read(path)
    assert found == [("row 1", {"a": "a"}), ("row 4", {"a": "c"})]
    assert problems[0].startswith("row 2: expected at most 100 bytes, got 2")
    assert problems[1:] == ["row 3: expected UTF-8, got the byte 0xc3"]


def test_a_time_that_python_has_not_is_told_with_its_row(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"at": pa.array([0, 2**60], pa.timestamp("ms"))}), path)
    found, [problem] = read(path)
    assert found == [("row 1", {"at": "1970-01-01 00:00:00"})]
    assert problem.startswith("row 2: expected values that Python has, got: ")


def read_in_little_memory(path, large):
    """Read sixty-four records of so many bytes, in the memory of fewer than ten."""
    tracemalloc.start()
    try:
        assert sum(len(record.content["a"]) for record in read_records(path, pytest.fail, lambda _: None)) == 64 * large
        assert tracemalloc.get_traced_memory()[1] < 10 * large
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_a_row_and_few_large_ones_are_decoded_together(tmp_path, monkeypatch):
    path, large = tmp_path / "x.parquet", 2**20
    pq.write_table(pa.table({"a": [str(number % 10) * large for number in range(64)]}), path, use_dictionary=False)
    sizes, decode = [], records._decoded_row
    monkeypatch.setattr(
        records, "_decoded_row", lambda row: sizes.append(row.column(0).buffers()[-1].size) or decode(row)
    )
    read_in_little_memory(path, large)
    assert len(sizes) == 64 and max(sizes) <= 8 * large


def test_memory_is_that_of_a_few_lines(tmp_path):
    path, large = tmp_path / "x.jsonl", 2**20
    with path.open("w") as file:
        for number in range(64):
            file.write(json.dumps({"a": str(number % 10) * large}) + "\n")
    read_in_little_memory(path, large)


def test_what_json_has_not_is_text_in_rows_of_parquet(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"at": [datetime(2025, 1, 2)], "raw": [b"x"], "share": [float("nan")], "times": [2]}), path)
    assert read(path)[0] == [("row 1", {"at": "2025-01-02 00:00:00", "raw": "b'x'", "share": None, "times": 2})]


def test_messages_as_json_in_parquet_are_decoded(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"messages": ['[{"role": "user"}]', "oops"]}), path)
    assert read(path)[0] == [("row 1", {"messages": [{"role": "user"}]}), ("row 2", {"messages": "oops"})]


def test_a_damaged_parquet_file_is_told(tmp_path):
    found, [problem] = read(file(tmp_path, "x.parquet", b"PAR1 but no more"))
    assert found == []
    assert problem.startswith("expected a whole Parquet file, got one that cannot be read: ")


def test_files_are_found_in_an_order_of_their_own(tmp_path):
    for name in ("b.json", "a/c.jsonl", "a/notes.txt", "out/steps.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = find_files([tmp_path / "b.json", tmp_path], tmp_path / "out")
    assert [each.source for each in found] == ["a/c.jsonl", "b.json"]
    assert [each.source for each in find_files([tmp_path / "a/notes.txt"], tmp_path / "out")] == ["notes.txt"]
    paths = [tmp_path / "b.json", tmp_path / "a"]
    assert find_files(paths, tmp_path / "out") == find_files(paths[::-1], tmp_path / "out")


def test_paths_without_logs_are_refused(tmp_path):
    with refused(ParameterError, f"expected a file or a folder, found no {tmp_path / 'nowhere'}"):
        find_files([tmp_path / "nowhere"], tmp_path / "out")
    with refused(DataError, "expected files that end with .json, .jsonl, .ndjson, .parquet, found none"):
        find_files([tmp_path], tmp_path / "out")
