"""Stores of single tasks as one of several: the same bytes of steps, in another folder, and what of it is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, SEVERAL_CHOICES, VECTORS, random_episodes, refused, written_store
from tests.mixed import WIDE
from understudy.errors import DataError, ParameterError
from understudy.sequences.joined import join_stores
from understudy.sequences.mixture import SequenceMixture, open_store
from understudy.sequences.store import Sequences, open_sequences
from understudy.utils.provenance import check_files

LENGTHS = [4, 1, 6, 3]
TASKS = {"small": CHOICES, "vectors": VECTORS, "wide": WIDE}
WEIGHTS = {"small": 1.0, "vectors": 2.0, "wide": 0.5}


@pytest.fixture
def stores(tmp_path):
    return {name: written_store(tmp_path / name, spec, random_episodes(spec, LENGTHS)) for name, spec in TASKS.items()}


@pytest.fixture
def joined(tmp_path, stores):
    folder = tmp_path / "joined"
    folder.mkdir()
    join_stores(folder, stores, WEIGHTS)
    return folder


@pytest.mark.parametrize("split", ["train", "validation"])
def test_each_task_is_there_with_its_steps_scales_and_weight(joined, stores, split):
    mixture = open_store(joined, split)
    assert isinstance(mixture, SequenceMixture)
    assert (mixture.names, mixture.weights) == (("small", "vectors", "wide"), (1.0, 2.0, 0.5))
    for name, part in zip(mixture.names, mixture.parts, strict=True):
        own = open_sequences(stores[name], split)
        assert part.interface == own.interface
        for column in ("states", "actions", "labels", "rewards", "returns_to_go", "offsets"):
            np.testing.assert_array_equal(getattr(part, column), getattr(own, column))


def test_the_store_says_what_it_is_made_of(joined, stores):
    check_files(joined / "store.json")
    content = json.loads((joined / "store.json").read_text())
    digests = [open_sequences(store, "train").sha256 for store in stores.values()]
    assert [task["store"] for task in content["tasks"]] == digests
    assert open_store(joined, "train").sha256 not in digests


def test_a_store_of_one_task_opens_as_ever(stores):
    assert isinstance(open_store(stores["small"], "train"), Sequences)


def test_the_same_stores_give_the_same_bytes(joined, stores, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    join_stores(again, stores, WEIGHTS)
    assert {file.name: file.read_bytes() for file in again.iterdir()} == {
        file.name: file.read_bytes() for file in joined.iterdir()
    }


def test_the_same_environment_twice_is_refused(tmp_path, stores):
    with refused(ParameterError, "tasks.again: expected another environment than that of small, got Toy-v0 with {}"):
        join_stores(tmp_path, {"small": stores["small"], "again": stores["small"]}, {"small": 1.0, "again": 1.0})
    windy = replace(CHOICES, kwargs={"wind": 2.0})
    other = written_store(tmp_path / "windy", windy, random_episodes(windy, LENGTHS))
    join_stores(tmp_path, {"small": stores["small"], "windy": other}, {"small": 1.0, "windy": 1.0})


def test_several_agents_are_refused(tmp_path, stores):
    several = written_store(tmp_path / "several", SEVERAL_CHOICES, random_episodes(SEVERAL_CHOICES, LENGTHS))
    with refused(DataError, "sequences: expected demonstrations of one agent, got 3"):
        join_stores(tmp_path, {"small": stores["small"], "several": several}, {"small": 1.0, "several": 1.0})


def test_a_damaged_store_is_refused(tmp_path, stores):
    with (stores["wide"] / "train.arrow").open("ab") as file:
        file.write(b"more")
    with refused(DataError, "train.arrow: expected the file that store.json describes"):
        join_stores(tmp_path, stores, WEIGHTS)


@pytest.mark.parametrize(
    "tasks", [None, 3, [{"name": "small"}], [{"name": "small", "weight": 1.0}], [{"name": 1, "weight": "many"}] * 3]
)
def test_a_malformed_description_is_refused(joined, tasks):
    content = json.loads((joined / "store.json").read_text())
    (joined / "store.json").write_text(json.dumps(content | {"tasks": tasks}))
    with refused(DataError, "store.json: expected a description of sequences, got a malformed one"):
        open_store(joined, "train")
