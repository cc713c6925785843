"""Labels lie beside the sequences they were found in, and are refused beside others."""

import json

import numpy as np
import pytest

from tests.builders import CHOICES, random_episodes, refused, written_store
from understudy.errors import DataError
from understudy.options.labels import with_labels, write_labels
from understudy.sequences.store import open_sequences

LENGTHS = [3, 4, 2]
LABELS = {
    "train": (np.array([0, 0, 2, 2, 1, 1], np.int16), np.array([1, 0, 1, 0, 1, 0], bool)),
    "validation": (np.array([1, 1, 0], np.int16), np.array([1, 0, 1], bool)),
}


@pytest.fixture
def store(tmp_path):
    return written_store(tmp_path / "first", CHOICES, random_episodes(CHOICES, LENGTHS))


def written_labels(folder, sha256: str, labels=LABELS):
    folder.mkdir()
    write_labels(folder, sha256, 3, labels)
    return folder


@pytest.fixture
def labels(tmp_path, store):
    return written_labels(tmp_path / "options", open_sequences(store, "train").sha256)


@pytest.mark.parametrize("split", LABELS)
def test_labels_come_back(store, labels, split):
    labelled = with_labels(open_sequences(store, split), labels, split)
    assert labelled.task.num_options == 3
    options, terminations = (labelled.labels_of_steps[name] for name in ("option", "termination"))
    assert (options.dtype, terminations.dtype) == (np.int16, bool)
    assert options.tolist() == LABELS[split][0].tolist()
    assert terminations.tolist() == LABELS[split][1].tolist()
    assert {"option", "termination"} <= labelled.columns
    np.testing.assert_array_equal(labelled.states, open_sequences(store, split).states)


def test_labels_of_wider_types_are_stored_in_their_own(tmp_path, store, labels):
    wider = {split: (options.astype(np.int64), ends.astype(int)) for split, (options, ends) in LABELS.items()}
    folder = written_labels(tmp_path / "wider", open_sequences(store, "train").sha256, wider)
    assert (folder / "train.arrow").read_bytes() == (labels / "train.arrow").read_bytes()


def test_the_same_labels_give_the_same_bytes(tmp_path, labels):
    content = json.loads((labels / "options.json").read_text())
    again = written_labels(tmp_path / "again", content["sequences"])
    for name in ("options.json", "train.arrow", "validation.arrow"):
        assert (again / name).read_bytes() == (labels / name).read_bytes()


def test_labels_of_other_sequences_are_refused(tmp_path, store, labels):
    other = written_store(tmp_path / "other", CHOICES, random_episodes(CHOICES, LENGTHS), hidden=("x",))
    sequences = open_sequences(other, "train")
    expected, got = sequences.sha256[:12], open_sequences(store, "train").sha256[:12]
    with refused(DataError, f"{labels / 'options.json'}: expected labels of the sequences {expected}, got of {got}"):
        with_labels(sequences, labels, "train")


def test_labels_of_the_other_split_are_refused(store, labels):
    with refused(DataError, f"{labels / 'validation.arrow'}: expected 6 labels, one a step, got 3"):
        with_labels(open_sequences(store, "train"), labels, "validation")


@pytest.mark.parametrize(("option", "sentence"), [(3, "from 0 to below 3, got 0 to 3"), (-1, "from 0 to below 3, got")])
def test_options_that_do_not_exist_are_refused(tmp_path, store, option, sentence):
    options, terminations = LABELS["train"]
    wrong = np.where(np.arange(len(options)) == 2, option, options)
    sequences = open_sequences(store, "train")
    folder = written_labels(tmp_path / "options", sequences.sha256, {"train": (wrong, terminations)})
    with refused(DataError, f"{folder / 'train.arrow'}: column option: expected values {sentence}"):
        with_labels(sequences, folder, "train")


@pytest.mark.parametrize("num_options", ["3", None, 2.5])
def test_a_number_of_options_that_is_none_is_refused(store, labels, num_options):
    content = json.loads((labels / "options.json").read_text())
    (labels / "options.json").write_text(json.dumps(content | {"num_options": num_options}))
    with refused(DataError, f"{labels / 'train.arrow'}: column option"):
        with_labels(open_sequences(store, "train"), labels, "train")


@pytest.mark.parametrize("name", ["options.json", "train.arrow"])
def test_a_missing_file_is_refused(store, labels, name):
    (labels / name).unlink()
    with refused(DataError, str(labels / name)):
        with_labels(open_sequences(store, "train"), labels, "train")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(store, labels, kept):
    path = labels / "train.arrow"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with refused(DataError, f"{path}: expected a whole Arrow file"):
        with_labels(open_sequences(store, "train"), labels, "train")


def test_sequences_in_place_of_labels_are_refused(store, labels):
    (labels / "train.arrow").write_bytes((store / "train.arrow").read_bytes())
    with refused(DataError, f"{labels / 'train.arrow'}: expected one batch of the columns option, termination"):
        with_labels(open_sequences(store, "train"), labels, "train")
