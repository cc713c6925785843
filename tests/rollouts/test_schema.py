"""The documented schema, column by column, as the files on disk show it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import CHOICES, SPECS, VECTORS, random_episodes, written_recording
from understudy.rollouts.schema import METADATA_KEY, SCHEMA_VERSION, episodes_schema, metadata, steps_schema

FILES = ("steps.parquet", "episodes.parquet")


def test_columns_of_the_steps():
    expected = [
        ("episode", pa.int32()),
        ("step", pa.int32()),
        ("agent", pa.int16()),
        ("observation", pa.list_(pa.float32(), 3)),
        ("action", pa.int64()),
        ("demonstrated_action", pa.int64()),
        ("reward", pa.float32()),
        ("option", pa.int16()),
    ]
    assert [(field.name, field.type) for field in steps_schema(CHOICES)] == expected


def test_vectors_are_lists_of_fixed_size():
    schema = steps_schema(VECTORS)
    assert schema.field("action").type == pa.list_(pa.float32(), 2)
    assert schema.field("demonstrated_action").type == pa.list_(pa.float32(), 2)


@pytest.mark.parametrize("spec", SPECS)
def test_columns_of_the_episodes(spec):
    expected = [
        ("episode", pa.int32()),
        ("seed", pa.int64()),
        ("length", pa.int32()),
        ("return", pa.float64()),
        ("terminated", pa.bool_()),
        ("truncated", pa.bool_()),
        ("final_observation", pa.list_(pa.float32(), 3)),
    ]
    assert [(field.name, field.type) for field in episodes_schema(spec)] == expected


@pytest.mark.parametrize("spec", SPECS)
def test_no_column_may_be_null(spec):
    assert not any(field.nullable for schema in (steps_schema(spec), episodes_schema(spec)) for field in schema)


@pytest.mark.parametrize("spec", SPECS)
def test_the_files_have_these_columns(tmp_path, spec):
    folder = written_recording(tmp_path / "raw", spec, random_episodes(spec, [2, 3]))
    for name, schema in zip(FILES, (steps_schema(spec), episodes_schema(spec)), strict=True):
        got = pq.read_schema(folder / name)
        assert got.names == schema.names
        assert [str(kind).replace("element", "item") for kind in got.types] == [str(kind) for kind in schema.types]


@pytest.mark.parametrize("name", FILES)
def test_every_column_is_compressed_with_zstd(tmp_path, name):
    folder = written_recording(tmp_path / "raw", CHOICES, random_episodes(CHOICES, [2, 3]))
    group = pq.ParquetFile(folder / name).metadata.row_group(0)
    assert {group.column(index).compression for index in range(group.num_columns)} == {"ZSTD"}


@pytest.mark.parametrize("name", FILES)
def test_the_metadata_say_what_was_recorded_and_hold_no_time(tmp_path, name):
    folder = written_recording(tmp_path / "raw", VECTORS, random_episodes(VECTORS, [2, 3]))
    about = json.loads(pq.read_schema(folder / name).metadata[METADATA_KEY])
    assert set(about) == {"schema_version", "environment", "demonstrator", "gymnasium_version"}
    assert list(about) == sorted(about)
    assert (about["schema_version"], about["demonstrator"]) == (SCHEMA_VERSION, "teacher")
    assert about["environment"] == {
        "environment_id": "ToyContinuous-v0",
        "kwargs": {"wind": 1.5},
        "components": ["x", "y", "z"],
        "num_actions": None,
        "action_low": [-1.0, -2.0],
        "action_high": [1.0, 0.5],
        "solved_return": 12.5,
    }


def test_the_metadata_are_one_key():
    assert list(metadata(CHOICES, "teacher")) == [b"understudy"]
