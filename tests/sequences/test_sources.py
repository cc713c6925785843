"""What a policy is said to learn from: its columns, and the hashes of the files that hold them."""

import hashlib

import pytest

from tests.builders import refused
from understudy.errors import DataError, ParameterError
from understudy.sequences.sources import describe_columns, describe_start

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


STAGES = "stages:\n  select_columns:\n    deps: [data/a.json, {folder}]\n"


@pytest.fixture
def stages(tmp_path):
    """A dvc.yaml whose select_columns depends on a policy of two trainings."""
    for seed in (0, 1):
        folder = tmp_path / f"other/seed_{seed}"
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "policy.json", "README.md"):
            (folder / name).write_text(f"{name} {seed}")
    path = tmp_path / "dvc.yaml"
    path.write_text(STAGES.format(folder=tmp_path / "other"))
    return path


def test_what_a_policy_starts_from_goes_with_a_hash_of_all_its_weights(stages, tmp_path):
    of_data = {"starts_from": str(tmp_path / "other"), "starts_as": "Toy-v0", "demonstrations": 3}
    described, sources = describe_start(of_data, stages)
    assert described == of_data and list(sources) == ["starts_from"]
    (tmp_path / "other/seed_1/README.md").write_text("edited")
    assert describe_start(of_data, stages) == (described, sources)
    (tmp_path / "other/seed_1/model.safetensors").write_text("edited")
    assert describe_start(of_data, stages)[1] != sources


def test_without_a_start_nothing_is_hashed_and_no_dvc_yaml_is_read(tmp_path):
    assert describe_start({}, tmp_path / "dvc.yaml") == ({}, {})
    assert describe_start({"demonstrations": 3}, tmp_path / "dvc.yaml") == ({"demonstrations": 3}, {})


def test_weights_that_the_stage_does_not_depend_on_are_refused(stages, tmp_path):
    stages.write_text(STAGES.format(folder="data/b.json"))
    sentence = (
        f"dvc.yaml: stages.select_columns.deps: expected {tmp_path}/other, from which a policy starts, among them"
    )
    with refused(ParameterError, sentence, "got data/a.json, data/b.json"):
        describe_start({"starts_from": f"{tmp_path}/other"}, stages)


def test_a_folder_without_weights_is_refused(stages, tmp_path):
    stages.write_text(STAGES.format(folder=tmp_path))
    with refused(DataError, f"{tmp_path}: expected a trained policy, with weights in {tmp_path}/seed_*, found none"):
        describe_start({"starts_from": str(tmp_path)}, stages)
