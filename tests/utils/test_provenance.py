"""Artefacts that are not what they claim, or come from elsewhere, are refused in one sentence."""

import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.utils.jsonfile import sha256, write_json
from understudy.utils.provenance import check_files, check_origin


@pytest.fixture
def store(tmp_path):
    """A folder with one file and a description that holds its hash."""
    (tmp_path / "train.arrow").write_bytes(b"steps")
    write_json(tmp_path / "store.json", {"files": {"train.arrow": sha256(tmp_path / "train.arrow")}})
    return tmp_path / "store.json"


def test_files_that_are_what_the_description_says_pass(store):
    check_files(store)


def test_another_file_is_refused(store):
    (store.parent / "train.arrow").write_bytes(b"stepz")
    with refused(DataError, "train.arrow: expected the file that store.json describes", "got another"):
        check_files(store)


def test_a_missing_file_is_refused(store):
    (store.parent / "train.arrow").unlink()
    with refused(DataError, "train.arrow: expected the file that store.json describes, found none"):
        check_files(store)


@pytest.mark.parametrize("content", [{}, {"files": {}}, {"files": ["train.arrow"]}])
def test_a_description_without_hashes_is_refused(store, content):
    write_json(store, content)
    with refused(DataError, "store.json: expected the hashes of the files beside it"):
        check_files(store)


def test_a_name_that_climbs_out_is_looked_for_beside_the_description(store):
    write_json(store, {"files": {"../../etc/passwd": "0" * 64}})
    with refused(DataError, str(store.parent / "passwd"), "found none"):
        check_files(store)


@pytest.fixture
def columns(tmp_path):
    """What a policy would learn from now."""
    write_json(tmp_path / "mlp.json", {"columns": ["observation"], "sources": {"sequences": "1" * 64}})
    return tmp_path / "mlp.json"


def test_a_policy_of_these_sequences_passes(columns, tmp_path):
    check_origin(tmp_path / "mlp", {"sequences": "1" * 64}, columns)


@pytest.mark.parametrize(
    ("provenance", "source"),
    [
        ({"sequences": "0" * 64}, "sequences"),
        ({}, "sequences"),
        ({"sequences": "1" * 64, "options": "2" * 64}, "options"),
    ],
)
def test_a_policy_that_learned_from_something_else_is_refused(columns, tmp_path, provenance, source):
    expected = f"mlp: expected a policy that learned from data/processed/{source} ("
    with refused(DataError, expected, f"got one that learned from other {source}", "train it again"):
        check_origin(tmp_path / "mlp", provenance, columns)


def test_what_a_policy_would_learn_from_must_be_known(columns, tmp_path):
    with refused(DataError, "none.json: expected a file, found none"):
        check_origin(tmp_path / "mlp", {}, tmp_path / "none.json")
    write_json(columns, {"columns": []})
    with refused(DataError, "mlp.json: expected hashes of data under 'sources', got None"):
        check_origin(tmp_path / "mlp", {}, columns)


def test_a_policy_that_started_from_other_weights_is_refused(tmp_path):
    write_json(tmp_path / "mlp.json", {"sources": {"starts_from": "1" * 64}})
    with refused(
        DataError, "expected a policy that learned from the weights that it starts from (1111", "from others (22"
    ):
        check_origin(tmp_path / "mlp", {"starts_from": "2" * 64}, tmp_path / "mlp.json")
