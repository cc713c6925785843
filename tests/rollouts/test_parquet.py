"""Recordings come back as they were written, the same to the byte, and damaged files are refused in one sentence."""

import json
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CHOICES,
    SEVERAL_CHOICES,
    SPECS,
    VECTORS,
    assert_same_episode,
    examples,
    random_episode,
    random_episodes,
    refused,
    written_recording,
)
from understudy.errors import DataError
from understudy.rollouts import parquet, table
from understudy.rollouts.parquet import Recording, open_recording, read_recording, write_recording
from understudy.rollouts.schema import METADATA_KEY

FILES = ("steps.parquet", "episodes.parquet")


def assert_holds(recording: Recording, episodes: list) -> None:
    """Compare with the episodes one by one, through the offsets."""
    assert len(recording.offsets) == len(episodes) + 1
    for number, episode in enumerate(episodes):
        steps = slice(recording.offsets[number], recording.offsets[number + 1])
        got = {name: column[steps] for name, column in recording.steps.items()}
        assert got["episode"].tolist() == [number] * episode.length
        assert got["step"].tolist() == list(range(episode.length))
        np.testing.assert_array_equal(got["observation"], episode.observations)
        np.testing.assert_array_equal(got["action"], episode.actions)
        np.testing.assert_array_equal(got["demonstrated_action"], episode.demonstrated_actions)
        np.testing.assert_array_equal(got["reward"], episode.rewards)
        np.testing.assert_array_equal(got["option"], episode.options)
        row = {name: column[number] for name, column in recording.episodes.items()}
        assert (row["seed"], row["length"], row["return"]) == (episode.seed, episode.length, episode.total_return)
        assert (row["terminated"], row["truncated"]) == (episode.terminated, episode.truncated)
        np.testing.assert_array_equal(row["final_observation"], episode.final_observation)


@examples(40)
@given(
    spec=st.sampled_from([CHOICES, VECTORS]),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    truncated=st.sets(st.integers(0, 5)),
    options=st.integers(-1, 3),
)
def test_what_is_written_is_read(tmp_path_factory, spec, lengths, truncated, options):
    episodes = [
        replace(episode, options=np.full(episode.length, options, dtype=np.int16))
        for episode in random_episodes(spec, lengths, truncated)
    ]
    folder = tmp_path_factory.mktemp("recording")
    write_recording(folder, spec, "teacher", episodes)
    recording = read_recording(folder)
    assert (recording.spec, recording.demonstrator) == (spec, "teacher")
    assert_holds(recording, episodes)


@pytest.mark.parametrize("spec", SPECS)
def test_columns_have_the_types_of_an_episode(tmp_path, spec):
    episodes = random_episodes(spec, [4, 2])
    recording = read_recording(written_recording(tmp_path / "raw", spec, episodes))
    assert recording.steps["action"].dtype == episodes[0].actions.dtype
    assert recording.steps["action"].shape == (6, *episodes[0].actions.shape[1:])
    assert recording.steps["observation"].dtype == np.float32
    assert recording.episodes["seed"].dtype == np.int64


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", FILES)
def test_the_same_episodes_give_the_same_bytes(tmp_path, spec, name):
    one, other = (written_recording(tmp_path / place, spec, random_episodes(spec, [5, 1, 9])) for place in "ab")
    assert (one / name).read_bytes() == (other / name).read_bytes()


def test_both_end_flags_are_kept_apart(tmp_path):
    flags = [(True, False), (False, True), (True, True)]
    episodes = [
        replace(episode, terminated=terminated, truncated=truncated)
        for episode, (terminated, truncated) in zip(random_episodes(CHOICES, [2, 2, 2]), flags, strict=True)
    ]
    recording = read_recording(written_recording(tmp_path / "raw", CHOICES, episodes))
    got = zip(recording.episodes["terminated"].tolist(), recording.episodes["truncated"].tolist(), strict=True)
    assert list(got) == flags


@examples(60)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    rows_at_once=st.integers(1, 15),
    row_group=st.integers(1, 15),
)
def test_pieces_are_whole_episodes_wherever_the_file_is_cut(tmp_path_factory, lengths, rows_at_once, row_group):
    episodes = random_episodes(VECTORS, lengths, truncated=[1])
    folder = written_recording(tmp_path_factory.mktemp("pieces") / "raw", VECTORS, episodes)
    whole = read_recording(folder)
    pq.write_table(pq.read_table(folder / FILES[0], partitioning=None), folder / FILES[0], row_group_size=row_group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "ROWS_AT_ONCE", rows_at_once)
        pieces = list(open_recording(folder).pieces())
        assert_holds(read_recording(folder), episodes)
    got = [episode for piece in pieces for episode in piece.as_episodes()]
    for one, other in zip(got, whole.as_episodes(), strict=True):
        assert_same_episode(one, other)
    ends = np.cumsum(lengths)
    # A piece is handed out with the read that ends its last episode.
    reads = np.unique([int(np.searchsorted(rows_at_once * np.arange(1, 80), end)) for end in ends])
    assert len(pieces) == len(reads)


def test_pieces_take_little_of_the_memory_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 5_000)
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 2_000)
    monkeypatch.setattr(table, "BYTES_AT_ONCE", 2**14)
    folder = written_recording(tmp_path / "raw", VECTORS, random_episodes(VECTORS, [1_000] * 100))
    before = pa.total_allocated_bytes()
    allocated = [pa.total_allocated_bytes() - before for _ in open_recording(folder).pieces()]
    assert len(allocated) == 50
    assert max(allocated) < (folder / FILES[0]).stat().st_size / 4


@pytest.mark.parametrize(("limit", "row_groups"), [(1, [4, 3, 2]), (4, [4, 5]), (5, [7, 2]), (9, [9]), (100, [9])])
def test_row_groups_end_with_episodes(tmp_path, monkeypatch, limit, row_groups):
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", limit)
    episodes = random_episodes(CHOICES, [4, 3, 2])
    folder = tmp_path / "raw"
    folder.mkdir()
    write_recording(folder, CHOICES, "teacher", iter(episodes))
    about = pq.read_metadata(folder / FILES[0])
    assert [about.row_group(index).num_rows for index in range(about.num_row_groups)] == row_groups
    assert_holds(read_recording(folder), episodes)


@pytest.mark.parametrize("name", FILES)
def test_every_column_is_compressed_by_zstd(tmp_path, name):
    group = pq.read_metadata(
        written_recording(tmp_path / "raw", VECTORS, random_episodes(VECTORS, [4])) / name
    ).row_group(0)
    assert {group.column(index).compression for index in range(group.num_columns)} == {"ZSTD"}


def test_the_rows_of_all_agents_make_a_row_group(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 12)
    folder = written_recording(tmp_path / "raw", SEVERAL_CHOICES, random_episodes(SEVERAL_CHOICES, [4, 3, 2]))
    about = pq.read_metadata(folder / FILES[0])
    assert [about.row_group(index).num_rows for index in range(about.num_row_groups)] == [12, 15]


def test_written_episodes_are_let_go(tmp_path, monkeypatch):
    """Of row groups of ten episodes, few more than ten are there at any time."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 20)
    references, most = [], 0

    def episodes():
        nonlocal most
        for seed in range(50):
            episode = random_episode(CHOICES, seed, 2)
            references.append(weakref.ref(episode))
            most = max(most, sum(reference() is not None for reference in references))
            yield episode

    write_recording(tmp_path, CHOICES, "teacher", episodes())
    assert 10 <= most <= 12


@pytest.mark.parametrize("spec", [VECTORS, SEVERAL_CHOICES], ids=["one agent", "several"])
def test_who_keeps_an_episode_keeps_no_other(tmp_path, spec):
    recording = read_recording(written_recording(tmp_path / "raw", spec, random_episodes(spec, [4, 3, 2])))
    for episode in recording.as_episodes():
        arrays = [values for values in vars(episode).values() if isinstance(values, np.ndarray)]
        assert [values.base is None for values in arrays] == [True] * 6


@pytest.fixture
def folder(tmp_path):
    return written_recording(tmp_path / "raw", CHOICES, random_episodes(CHOICES, [4, 3, 2]))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(folder, name, kept):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(kept * len(whole))])
    with refused(DataError, str(folder / name), "expected a whole Parquet file"):
        read_recording(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"episode,step\n0,0\n", b"PAR1" * 50, b"\x00" * 1000])
def test_another_kind_of_file_is_refused(folder, name, content):
    (folder / name).write_bytes(content)
    with refused(DataError, str(folder / name), "expected a whole Parquet file"):
        read_recording(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with refused(DataError, str(folder / name), "found no such file"):
        read_recording(folder)


def test_a_missing_folder_is_refused(tmp_path):
    with refused(DataError, str(tmp_path / "none"), "found no such file"):
        read_recording(tmp_path / "none")


def with_metadata(path, content) -> None:
    """Write the file anew with other metadata: bytes as they are, anything else as JSON."""
    whole = pq.read_table(path, partitioning=None)
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    pq.write_table(whole.replace_schema_metadata({METADATA_KEY: content}), path)


def metadata_of(path) -> dict:
    return json.loads(pq.read_schema(path).metadata[METADATA_KEY])


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_our_metadata_is_refused(folder, name):
    content = pq.read_table(folder / name, partitioning=None)
    pq.write_table(content.replace_schema_metadata({"pandas": "{}"}), folder / name)
    with refused(DataError, str(folder / name), "expected a recording's metadata under 'understudy', got none"):
        read_recording(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused(folder, name, version):
    with_metadata(folder / name, metadata_of(folder / name) | {"schema_version": version})
    with refused(DataError, str(folder / name), "expected schema version 1", f"got {version}"):
        read_recording(folder)


FOREIGN = [b"\xff\xfe", b"{", b"{}", b"[]", b"null", b"3", b'"1"', b'{"schema_version": 1}']
FOREIGN += [b'{"schema_version": 1, "environment": {}, "demonstrator": "a"}']
FOREIGN += [b'{"schema_version": 1, "environment": {"colour": "red"}, "demonstrator": "a"}']


@pytest.mark.parametrize("content", FOREIGN)
def test_foreign_metadata_are_refused(folder, content):
    with_metadata(folder / "steps.parquet", content)
    with refused(DataError, str(folder / "steps.parquet"), "expected metadata of schema version 1"):
        read_recording(folder)


@pytest.mark.parametrize("environment", [[], None, "Toy-v0"])
def test_an_environment_that_is_no_object_is_refused(folder, environment):
    with_metadata(folder / "steps.parquet", metadata_of(folder / "steps.parquet") | {"environment": environment})
    with refused(DataError, str(folder / "steps.parquet"), "expected metadata of schema version 1"):
        read_recording(folder)


@pytest.mark.parametrize(
    "change", [{"demonstrator": "another"}, {"environment": CHOICES.to_json() | {"kwargs": {"a": 1}}}]
)
def test_files_of_two_recordings_are_refused(folder, change):
    path = folder / "episodes.parquet"
    with_metadata(path, metadata_of(path) | change)
    with refused(DataError, str(path), "expected the metadata of steps.parquet beside it"):
        read_recording(folder)


DAMAGED = [4, 3, 2]
PLACES = st.floats(0, 1, exclude_max=True)


def read_damaged(folder: Path, name: str, damage: Callable[[bytearray], bytearray]) -> Recording:
    """Write a recording, damage one of its files, and read it."""
    write_recording(folder, VECTORS, "teacher", random_episodes(VECTORS, DAMAGED))
    (folder / name).write_bytes(damage(bytearray((folder / name).read_bytes())))
    return read_recording(folder)


@examples(40)
@given(name=st.sampled_from(FILES), place=PLACES)
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, name, place):
    folder = tmp_path_factory.mktemp("cut")
    with refused(DataError, str(folder / name), "expected a whole Parquet file"):
        read_damaged(folder, name, lambda content: content[: int(place * len(content))])


@examples(100)
@given(name=st.sampled_from(FILES), place=PLACES, bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path_factory, name, place, bit):
    def flip(content: bytearray) -> bytearray:
        content[int(place * len(content))] ^= 1 << bit
        return content

    try:
        recording = read_damaged(tmp_path_factory.mktemp("flipped"), name, flip)
    except DataError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert_holds(recording, random_episodes(VECTORS, DAMAGED))


@pytest.mark.parametrize(("name", "column"), [("steps.parquet", b"reward"), ("episodes.parquet", b"return")])
def test_a_damaged_column_name_is_refused(tmp_path, name, column):
    with refused(DataError, str(tmp_path / name)):
        read_damaged(tmp_path, name, lambda content: content.replace(column, b"\xff" + column[1:]))


def test_players_come_back_with_their_episodes(tmp_path):
    episodes = [
        replace(episode, player=number % 2) for number, episode in enumerate(random_episodes(CHOICES, [2, 1, 3]))
    ]
    write_recording(tmp_path, CHOICES, "expert", episodes, ["snapshot 0.1", "expert"])
    recording = read_recording(tmp_path)
    assert recording.players == ("snapshot 0.1", "expert")
    assert recording.episodes["player"].tolist() == [0, 1, 0]
    for got, expected in zip(recording.as_episodes(), episodes, strict=True):
        assert got.player == expected.player
        assert_same_episode(got, expected)


def test_where_one_acts_nothing_is_said_of_players(tmp_path):
    folder = written_recording(tmp_path / "raw", CHOICES, random_episodes(CHOICES, [2]))
    assert "player" not in pq.read_schema(folder / "episodes.parquet").names
    assert read_recording(folder).players == ()


def test_an_episode_of_nobody_is_refused(tmp_path):
    [episode] = random_episodes(CHOICES, [2])
    write_recording(tmp_path, CHOICES, "expert", [replace(episode, player=2)], ["one", "other"])
    with refused(DataError, "episodes.parquet: column player, row 0: expected one of 2 players, got 2"):
        open_recording(tmp_path)
