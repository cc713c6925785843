"""What a policy is said to learn from: its columns, and the hashes of the files that hold them."""

import hashlib

import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.sequences.sources import describe_columns

SEQUENCES, OPTIONS = '{"steps": 3}', '{"count": 2}'


@pytest.fixture
def files(tmp_path):
    for name, text in (("store.json", SEQUENCES), ("options.json", OPTIONS)):
        (tmp_path / name).write_text(text)
    return tmp_path / "store.json", tmp_path / "options.json"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_columns_are_sorted_and_go_with_the_hash_of_the_sequences(files):
    found = describe_columns(frozenset({"observation", "action"}), *files)
    assert found == {"columns": ["action", "observation"], "sources": {"sequences": sha256(SEQUENCES)}}


@pytest.mark.parametrize("column", ["option", "termination"])
def test_the_hash_of_the_options_counts_where_they_are_read(files, column):
    found = describe_columns({"observation", column}, *files)
    assert found == {
        "columns": sorted(["observation", column]),
        "sources": {"sequences": sha256(SEQUENCES), "options": sha256(OPTIONS)},
    }


def test_options_that_nobody_reads_may_be_missing(files):
    files[1].unlink()
    assert "options" not in describe_columns({"observation"}, *files)["sources"]
    with refused(DataError, f"{files[1]}: expected a file, found none"):
        describe_columns({"option"}, *files)
