"""Sequences are opened without a copy, and files that are not theirs are refused in one sentence."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.builders import CHOICES, SPECS, by_hand, random_episodes, refused, unscaled, written_store
from understudy.errors import DataError
from understudy.sequences.columns import step_columns
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.split_file import SplitWriter, map_arrow, split_schema
from understudy.sequences.store import SPLITS, open_sequences

LENGTHS = [4, 1, 6, 3]
OBSERVATION = frozenset({"observation"})
needs_smaps = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux says what is resident")
PER_STEP = ("states", "actions", "labels", "rewards", "returns_to_go")


@pytest.fixture
def store(tmp_path):
    return written_store(tmp_path, CHOICES, random_episodes(CHOICES, LENGTHS))


def owner(array):
    """What holds the memory of an array, below all views."""
    while isinstance(array, np.ndarray):
        assert not array.flags.owndata
        array = array.base
    return array


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_and_types(tmp_path, spec):
    sequences = open_sequences(written_store(tmp_path, spec, random_episodes(spec, LENGTHS)), "train")
    entries = () if spec.discrete_actions else (2,)
    assert (sequences.num_episodes, sequences.num_steps) == (3, 10)
    assert (sequences.states.shape, sequences.states.dtype) == ((10, 3), np.float32)
    assert sequences.actions.shape == sequences.labels.shape == (10, *entries)
    assert sequences.actions.dtype == sequences.labels.dtype == (np.int64 if spec.discrete_actions else np.float32)
    for values in (sequences.rewards, sequences.returns_to_go):
        assert (values.shape, values.dtype) == ((10,), np.float32)
    assert (sequences.offsets.tolist(), sequences.offsets.dtype) == ([0, 1, 7, 10], np.int64)
    episodes = sequences.steps.episodes
    assert (episodes["seed"].tolist(), episodes["terminated"].dtype, episodes["truncated"].dtype) == (
        [101, 102, 103],
        bool,
        bool,
    )
    assert (episodes["final_observation"].shape, episodes["final_observation"].dtype) == ((3, 3), np.float32)
    assert (sequences.labels_of_steps, sequences.task.num_options) == ({}, None)
    assert sequences.columns.isdisjoint({"option", "termination"})


def test_the_held_out_episodes_are_another_split(store):
    held_out = open_sequences(store, "validation")
    assert (held_out.steps.episodes["seed"].tolist(), held_out.num_steps) == ([100], 4)


@pytest.mark.parametrize("name", PER_STEP)
@pytest.mark.parametrize("spec", SPECS)
def test_opening_copies_no_steps(tmp_path, name, spec):
    sequences = open_sequences(written_store(tmp_path, spec, random_episodes(spec, LENGTHS)), "train")
    array = getattr(sequences, name)
    assert isinstance(owner(array), pa.Array | pa.Buffer)
    assert not array.flags.writeable


@pytest.mark.parametrize("name", ["episode", "seed", "terminated", "truncated", "final_observation"])
def test_opening_copies_no_episodes(store, name):
    sequences = open_sequences(store, "train")
    assert isinstance(owner(sequences.steps.episodes[name]), pa.Array | pa.Buffer)


@pytest.mark.parametrize("spec", SPECS)
def test_a_step_takes_as_many_bytes_of_a_file_as_it_has_numbers(spec):
    """Three components, a choice of eight bytes or a vector of two entries, a reward and a return."""
    sizes = {name: column.step_bytes for name, column in step_columns(unscaled(spec).task).items()}
    assert sizes == {"observation": 12, "action": 8, "label": 8, "reward": 4, "return_to_go": 4}


@pytest.mark.parametrize("name", ["observation", "action", "reward"])
@pytest.mark.parametrize("spec", SPECS)
def test_chunks_are_read_from_where_they_begin_and_end_in_their_last_step_again_and_again(tmp_path, name, spec):
    split = open_sequences(written_store(tmp_path, spec, random_episodes(spec, LENGTHS)), "train").steps
    chunks = split.read(name, np.array([7, 0, 2]), np.array([3, 1, 4]), 5)
    expected = split.columns[name][[[7, 8, 9, 9, 9], [0, 0, 0, 0, 0], [2, 3, 4, 5, 5]]]
    assert chunks.dtype == expected.dtype
    np.testing.assert_array_equal(chunks, expected)


def test_opening_takes_no_memory_for_the_steps(tmp_path):
    store = written_store(tmp_path, CHOICES, random_episodes(CHOICES, [3, 50_000]))
    before = pa.total_allocated_bytes()
    sequences = open_sequences(store, "train")
    assert pa.total_allocated_bytes() - before < 10_000
    assert sequences.states.nbytes == 600_000


def resident_bytes(path) -> int:
    """Bytes of a mapped file that are in this process's memory, by the kernel's own account."""
    kilobytes, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(f" {path}")
        elif inside and line.startswith("Rss:"):
            kilobytes += int(line.split()[1])
    return 1024 * kilobytes


def written_zeros(folder, lengths: np.ndarray) -> Path:
    """A store whose training split has episodes of these lengths, and zeros for steps."""
    store = written_store(folder, CHOICES, random_episodes(CHOICES, LENGTHS))
    numbers = np.arange(len(lengths))
    episodes = {
        "episode": numbers,
        "seed": numbers,
        "length": lengths,
        "final_observation": np.zeros((len(lengths), 3)),
    }
    episodes |= {"terminated": numbers >= 0, "truncated": numbers < 0}
    SplitWriter(store / "train.arrow", unscaled(CHOICES).task, episodes)
    return store


@needs_smaps
@pytest.mark.parametrize(("lengths", "column"), [([500_000] * 4, "states"), ([0] * 4_000_000, "offsets")])
def test_opening_reads_neither_episodes_nor_steps(tmp_path, lengths, column):
    path = written_zeros(tmp_path, np.asarray(lengths)) / "train.arrow"
    sequences = open_sequences(path.parent, "train")
    assert 0 < resident_bytes(path) < path.stat().st_size / 8
    assert not getattr(sequences, column).any()
    assert resident_bytes(path) > path.stat().st_size / 8


@needs_smaps
def test_batches_leave_the_steps_on_disk(tmp_path):
    path = written_zeros(tmp_path, np.full(4, 500_000)) / "train.arrow"
    sequences = open_sequences(path.parent, "train")
    steps = sum(int(batch.mask.sum()) for batch in SequenceDataset(sequences, 10_000, 8, OBSERVATION).in_order())
    assert steps == 2_000_000
    assert resident_bytes(path) < path.stat().st_size / 4


def test_a_file_that_was_cut_since_it_was_opened_is_refused(store):
    path = store / "train.arrow"
    dataset = SequenceDataset(open_sequences(store, "train"), 4, 2, frozenset({"label"}))
    place = path.read_bytes().index(open_sequences(store, "train").labels[-3:].tobytes())
    os.truncate(path, place)
    with refused(DataError, f"{path}: expected ", " bytes of label in ", " pieces, got "):
        list(dataset.in_order())


def test_two_openings_share_the_pages_of_the_file(store):
    path = store / "train.arrow"
    first = open_sequences(store, "train").states[0, 0]
    content = bytearray(path.read_bytes())
    place = content.index(first.tobytes())
    opened = open_sequences(store, "train")
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), np.float32(77.0).tobytes(), place)
    assert opened.states[0, 0] == 77.0


def test_the_hash_is_that_of_the_description(store):
    before = open_sequences(store, "train")
    assert before.sha256 == open_sequences(store, "validation").sha256
    text = (store / "store.json").read_text()
    (store / "store.json").write_text(text + "\n")
    assert open_sequences(store, "train").sha256 != before.sha256


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kept", [0.0, 0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused(store, split, kept):
    path = store / f"{split}.arrow"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with refused(DataError, f"{path}: expected a whole Arrow file"):
        open_sequences(store, split)


def test_a_file_cut_anywhere_is_refused(store):
    path = store / "train.arrow"
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with refused(DataError, f"{path}: expected a whole Arrow file"):
            open_sequences(store, "train")


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"ARROW1" * 30, b"\x00" * 500, b"PAR1 something else PAR1"])
def test_another_kind_of_file_is_refused(store, content):
    (store / "train.arrow").write_bytes(content)
    with refused(DataError, f"{store / 'train.arrow'}: expected a whole Arrow file"):
        open_sequences(store, "train")


@pytest.mark.parametrize("name", ["train.arrow", "store.json"])
def test_a_missing_file_is_refused(store, name):
    (store / name).unlink()
    with refused(DataError, str(store / name)):
        open_sequences(store, "train")


def test_a_folder_in_place_of_the_file_is_refused(store):
    (store / "train.arrow").unlink()
    (store / "train.arrow").mkdir()
    with refused(DataError, f"{store / 'train.arrow'}: expected a whole Arrow file"):
        open_sequences(store, "train")


def written_arrow(path, table: pa.Table, batches: int = 1) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for _ in range(batches):
            writer.write_table(table)


@pytest.mark.parametrize("batches", [0, 2])
def test_other_than_one_batch_is_refused(tmp_path, batches):
    schema = pa.schema([pa.field("a", pa.int32())])
    written_arrow(tmp_path / "x.arrow", pa.table({"a": pa.array([1, 2], pa.int32())}, schema), batches)
    with refused(DataError, f"{tmp_path / 'x.arrow'}: expected one batch of the columns a", f"got {batches} of a"):
        map_arrow(tmp_path / "x.arrow", schema)


def test_an_arrow_file_of_other_columns_is_refused(store):
    written_arrow(store / "train.arrow", pa.table({"colour": [1, 2]}))
    with refused(DataError, str(store / "train.arrow"), "expected one batch of the columns episode", "1 of colour"):
        open_sequences(store, "train")


def test_an_arrow_file_of_another_width_is_refused(tmp_path, store):
    other = written_store(tmp_path / "other", CHOICES, random_episodes(CHOICES, LENGTHS), hidden=("x",))
    (store / "train.arrow").write_bytes((other / "train.arrow").read_bytes())
    with refused(DataError, str(store / "train.arrow"), "expected one batch"):
        open_sequences(store, "train")


def change(store, **values) -> None:
    """Set keys of store.json; ... takes a key away."""
    path = store / "store.json"
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


@pytest.mark.parametrize("version", [0, 2, 3, "4", ...])
def test_another_format_is_refused(store, version):
    change(store, format_version=version)
    got = None if version is ... else version
    with refused(
        DataError, f"{store / 'store.json'}: expected format_version 5, got {got!r}; make it again with `dvc repro`"
    ):
        open_sequences(store, "train")


TASK = json.loads(json.dumps(unscaled(CHOICES).to_json()))["tasks"][0]
ENVIRONMENT = TASK["environment"]
MALFORMED = {
    "no interface": ...,
    "an interface that is none": [],
    "an interface without tasks": {},
    "no task": {"tasks": []},
    "several tasks": {"tasks": [TASK, TASK]},
    "an environment without fields": {"tasks": [TASK | {"environment": {}}]},
    "an environment that is none": {"tasks": [TASK | {"environment": "Toy-v0"}]},
    "an environment with a field too many": {"tasks": [TASK | {"environment": ENVIRONMENT | {"colour": "red"}}]},
    "an environment with choices and bounds": {"tasks": [TASK | {"environment": ENVIRONMENT | {"action_low": [0.0]}}]},
    "a number for hidden components": {"tasks": [TASK | {"hidden_components": 3}]},
    "an unknown hidden component": {"tasks": [TASK | {"hidden_components": ["w"]}]},
    "all components hidden": {"tasks": [TASK | {"hidden_components": ["x", "y", "z"]}]},
    "scales as a list": {"tasks": [TASK | {"scales": [1, 2]}]},
    "scales of one component": {"tasks": [TASK | {"scales": TASK["scales"] | {"state_mean": [1.0]}}]},
}


@pytest.mark.parametrize("interface", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_description_is_refused(store, interface):
    change(store, interface=interface)
    with refused(DataError, f"{store / 'store.json'}: expected a description of sequences, got a malformed one"):
        open_sequences(store, "train")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\x00", '{"format_version": 1'])
def test_a_description_that_is_no_json_object_is_refused(store, text):
    (store / "store.json").write_text(text)
    with refused(DataError, f"{store / 'store.json'}: expected"):
        open_sequences(store, "train")


def test_every_column_of_a_split_is_required():
    assert not any(field.nullable for field in split_schema(unscaled(CHOICES).task))


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [
        ([0, 1, 7, 9], "column sequence: expected episodes from step 0 to 10, got 0 to 9"),
        ([1, 1, 7, 10], "column sequence: expected episodes from step 0 to 10, got 1 to 10"),
        ([0, 1, 7, 11], "expected a whole Arrow file"),
    ],
)
def test_episodes_that_do_not_fill_the_steps_are_refused(store, offsets, sentence):
    path = store / "train.arrow"
    content = path.read_bytes()
    before = np.array([0, 1, 7, 10], dtype=np.int64).tobytes()
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, np.array(offsets, dtype=np.int64).tobytes()))
    with refused(DataError, f"{path}: {sentence}"):
        open_sequences(store, "train")


def test_a_damaged_column_name_is_refused(store):
    path = store / "train.arrow"
    path.write_bytes(path.read_bytes().replace(b"truncated", b"\xffruncated"))
    with refused(DataError, str(path)):
        open_sequences(store, "train")


def test_sequences_and_steps_are_counted_by_where_they_begin() -> None:
    sequences = by_hand(CHOICES, np.zeros((7, 3)), np.zeros(7, int), [4, 1, 2])
    assert (sequences.num_sequences, sequences.num_episodes, sequences.num_steps) == (3, 3, 7)
