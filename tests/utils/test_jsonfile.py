"""JSON to the byte, and what is no JSON object refused in one sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import examples, refused
from understudy.errors import DataError
from understudy.utils.jsonfile import read_json, read_versioned_json, sha256, write_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_keys_are_sorted_at_every_level(tmp_path):
    write_json(tmp_path / "x.json", {"b": {"d": 1, "c": [2, None]}, "a": True})
    expected = '{\n  "a": true,\n  "b": {\n    "c": [\n      2,\n      null\n    ],\n    "d": 1\n  }\n}\n'
    assert (tmp_path / "x.json").read_bytes() == expected.encode()


@examples(60)
@given(content=st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_is_written_is_read(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "round_trip.json"
    write_json(path, content)
    assert read_json(path) == content


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_are_refused_and_the_old_file_stays(tmp_path, value):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(path, {"new": [value]})
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": }', b"\xff\xfe", b"\x00", b"[" * 100_000, b"{'a': 1}"])
def test_what_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with refused(DataError, f"{path}: expected JSON, got: "):
        read_json(path)


@pytest.mark.parametrize(("content", "kind"), [([], "list"), ("a", "str"), (3, "int"), (None, "NoneType")])
def test_what_is_no_object_is_refused(tmp_path, content, kind):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with refused(DataError, f"{path}: expected a JSON object, got {kind}"):
        read_json(path)


@pytest.mark.parametrize(
    ("content", "got"), [({}, "None"), ({"format_version": 2}, "2"), ({"format_version": "3"}, "'3'")]
)
def test_another_version_is_refused(tmp_path, content, got):
    path = tmp_path / "x.json"
    write_json(path, content)
    with refused(DataError, f"{path}: expected format_version 3, got {got}"):
        read_versioned_json(path, 3)
    write_json(path, content | {"format_version": 3})
    assert read_versioned_json(path, 3)["format_version"] == 3


def test_a_missing_file_is_refused(tmp_path):
    with refused(DataError, f"{tmp_path / 'x.json'}: expected a file, found none"):
        read_json(tmp_path / "x.json")


def test_a_folder_is_refused(tmp_path):
    with refused(DataError, f"{tmp_path}: expected JSON"):
        read_json(tmp_path)


def test_the_hash_is_sha_256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
