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


def test_a_policy_of_these_sequences_passes(store, tmp_path):
    check_origin(tmp_path / "mlp", {"sequences": sha256(store)}, {"sequences": store})
    check_origin(tmp_path / "expert", {}, {"sequences": store})


def test_a_source_that_a_policy_did_not_use_hides_none_behind_it(store, tmp_path):
    sources = {"options": tmp_path / "options.json", "sequences": store}
    with refused(DataError, "mlp: expected a policy that learned from", "got one that learned from other sequences"):
        check_origin(tmp_path / "mlp", {"sequences": "0" * 64}, sources)


def test_a_policy_of_other_sequences_is_refused(store, tmp_path):
    with refused(DataError, "mlp: expected a policy that learned from", "got one that learned from other sequences"):
        check_origin(tmp_path / "mlp", {"sequences": "0" * 64}, {"sequences": store})


def test_another_view_of_the_observations_makes_other_sequences(store, tmp_path):
    before = sha256(store)
    write_json(store, {"files": {}, "hidden_components": ["vx"]})
    with refused(DataError, "got one that learned from other sequences"):
        check_origin(tmp_path / "mlp", {"sequences": before}, {"sequences": store})


def test_what_a_policy_learned_from_must_be_there(store, tmp_path):
    missing = tmp_path / "options" / "options.json"
    with refused(DataError, f"{missing}: expected what {tmp_path / 'mlp'} learned from, found no such file"):
        check_origin(tmp_path / "mlp", {"sequences": sha256(store), "options": "0" * 64}, {"options": missing})
