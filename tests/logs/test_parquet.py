"""What is written is read back, in row groups, and other files are refused."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.logs import parquet
from understudy.logs.parquet import LogWriter, is_folder_of_logs, read_logs
from understudy.logs.run import Part, Run
from understudy.logs.schema import FILES


def run(number, length=3):
    return Run(tuple(Part(turn, "user", "text", "user", f"{number} {turn}") for turn in range(length)), "test")


@pytest.fixture
def folder(tmp_path):
    with LogWriter(tmp_path) as writer:
        writer.write(run(0), "a" * 64, "x.jsonl", "line 1")
    return tmp_path


def test_rows_are_written_in_groups_and_come_back_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 4)
    with LogWriter(tmp_path) as writer:
        for number in range(5):
            writer.write(run(number), "a" * 64, "x.jsonl", f"line {number + 1}")
    assert pq.ParquetFile(tmp_path / "steps.parquet").metadata.num_row_groups == 4
    logs = read_logs(tmp_path)
    assert logs.steps["text"].to_pylist() == logs.texts["text"].to_pylist() == list(range(15))
    assert logs.texts["content"].to_pylist() == [f"{number} {turn}" for number in range(5) for turn in range(3)]
    assert logs.episodes["episode"].to_pylist() == list(range(5))


def test_long_texts_end_a_group(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "BYTES_AT_ONCE", 6)
    with LogWriter(tmp_path) as writer:
        writer.write(run(0, length=4), "a" * 64, "x.jsonl", "line 1")
    assert pq.ParquetFile(tmp_path / "texts.parquet").metadata.num_row_groups == 2


def test_columns_are_those_of_the_schema(folder):
    for name, schema in FILES.items():
        assert pq.read_schema(folder / name).equals(schema, check_metadata=True)


def test_a_missing_or_other_file_is_refused(folder):
    with refused(DataError, "nowhere/episodes.parquet: expected imported logs, found no such file"):
        read_logs(folder / "nowhere")
    pq.write_table(pa.table({"x": [1]}), folder / "steps.parquet")
    with refused(DataError, "steps.parquet: expected imported logs of", "got None"):
        read_logs(folder)


def test_a_damaged_file_is_refused(folder):
    path = folder / "texts.parquet"
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    with refused(DataError, "texts.parquet: expected a whole Parquet file"):
        read_logs(folder)


def test_a_folder_of_logs_is_known(folder, tmp_path_factory):
    assert is_folder_of_logs(folder)
    assert is_folder_of_logs(tmp_path_factory.mktemp("empty"))
    assert not is_folder_of_logs(folder / "steps.parquet")
    (folder / "steps.parquet").write_bytes(b"PAR1")
    assert not is_folder_of_logs(folder)
    (folder / "notes.txt").touch()
    assert not is_folder_of_logs(folder)
