"""Every promise of a recording, broken once; the complaint names file, column and row, however few rows are read at once."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import CHOICES, VECTORS, random_episodes, refused, written_recording
from understudy.errors import DataError
from understudy.rollouts import table as one_file
from understudy.rollouts.parquet import read_recording
from understudy.spec import EnvironmentSpec

LENGTHS = [4, 3, 2]
NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture(params=[one_file.ROWS_AT_ONCE, 2], ids=["at once", "two rows at once"], autouse=True)
def rows_at_once(request, monkeypatch):
    """Read all rows at once, and so few that what is wrong is in a later piece, and an episode in several."""
    monkeypatch.setattr(one_file, "ROWS_AT_ONCE", request.param)


def recorded(folder, spec=CHOICES):
    return written_recording(folder / "raw", spec, random_episodes(spec, LENGTHS, truncated=[1]))


def change(path, **columns) -> None:
    """Write a file anew with values replaced: each column gets {row: value}; None is a null."""
    table = pq.read_table(path, partitioning=None)
    for name, values in columns.items():
        place, kind = table.schema.get_field_index(name), table.schema.field(name).type
        changed = table[name].to_pylist()
        for row, value in values.items():
            changed[row] = value
        table = table.set_column(place, pa.field(name, kind), pa.array(changed, kind))
    pq.write_table(table, path, row_group_size=3)


def keep_rows(path, rows) -> None:
    pq.write_table(pq.read_table(path, partitioning=None).take(rows), path)


STEPS = {
    "NaN in an observation": ({"observation": {5: [0.0, NAN, 0.0]}}, "column observation, row 5: expected a finite"),
    "an infinite reward": ({"reward": {8: -INFINITY}}, "column reward, row 8: expected a finite value, got -inf"),
    "an action beyond the last": ({"action": {2: 3}}, "column action, row 2: expected an action from 0 to 2, got 3"),
    "a negative action": ({"action": {0: -1}}, "column action, row 0: expected an action from 0 to 2, got -1"),
    "a demonstrated action beyond the last": (
        {"demonstrated_action": {4: 9}},
        "column demonstrated_action, row 4: expected an action from 0 to 2, got 9",
    ),
    "episodes out of order": ({"episode": {3: 1, 4: 0}}, "column episode, row 3: expected rows sorted by episode"),
    "an unknown episode": ({"episode": {8: 7}}, "column episode, row 8: expected rows sorted by episode"),
    "a step told twice": ({"step": {2: 1}}, "column step, row 2: expected steps 0, 1, ... of each episode in order"),
    "a gap": ({"step": {2: 3, 3: 4}}, "column step, row 2: expected steps 0, 1, ... of each episode in order"),
    "steps that do not begin at zero": ({"step": {7: 1, 8: 2}}, "column step, row 7: expected steps 0, 1, ..."),
    "another agent": ({"agent": {6: 1}}, "column agent, row 6: expected agent 0, the only one, got 1"),
    "an option below none": ({"option": {1: -2}}, "column option, row 1: expected an option or -1 for none, got -2"),
    "a null reward": ({"reward": {6: None}}, "column reward, row 6: expected a value, got null"),
    "a null observation": ({"observation": {3: None}}, "column observation, row 3: expected a value, got null"),
    "a null in an observation": ({"observation": {3: [0.0, None, 0.0]}}, "column observation"),
}


@pytest.mark.parametrize(("columns", "sentence"), STEPS.values(), ids=STEPS)
def test_wrong_steps_are_refused(tmp_path, columns, sentence):
    folder = recorded(tmp_path)
    change(folder / "steps.parquet", **columns)
    with refused(DataError, f"{folder / 'steps.parquet'}: {sentence}"):
        read_recording(folder)


EPISODES = {
    "NaN as a return": ({"return": {1: NAN}}, "column return, row 1: expected a finite value, got nan"),
    "an infinite final observation": (
        {"final_observation": {2: [INFINITY, 0.0, 0.0]}},
        "column final_observation, row 2: expected a finite value",
    ),
    "a return that is not the sum": ({"return": {1: 99.5}}, "column return, row 1: expected the sum of the episode's"),
    "no end flag": ({"terminated": {2: False}}, "column terminated, row 2: expected terminated or truncated to be set"),
    "a seed used twice": ({"seed": {2: 100}}, "column seed, row 2: expected a seed that no episode before it has"),
    "a number left out": ({"episode": {2: 3}}, "column episode, row 2: expected episodes numbered 0, 1, ... in order"),
    "an episode told twice": ({"episode": {1: 0}}, "column episode, row 1: expected episodes numbered 0, 1, ..."),
    "an empty episode": ({"length": {0: 0, 1: 7}}, "column length, row 0: expected at least one step, got 0"),
    "a negative length": ({"length": {0: -1, 1: 8}}, "column length, row 0: expected at least one step, got -1"),
    "a null seed": ({"seed": {0: None}}, "column seed, row 0: expected a value, got null"),
    "a null flag": ({"truncated": {1: None}}, "column truncated, row 1: expected a value, got null"),
}


@pytest.mark.parametrize(("columns", "sentence"), EPISODES.values(), ids=EPISODES)
def test_wrong_episodes_are_refused(tmp_path, columns, sentence):
    folder = recorded(tmp_path)
    change(folder / "episodes.parquet", **columns)
    with refused(DataError, f"{folder / 'episodes.parquet'}: {sentence}"):
        read_recording(folder)


VECTOR_ACTIONS = {
    "above its bound": ([0.0, 0.75], "an action from [-1. -2.] to [1.  0.5]"),
    "below its bound": ([-1.5, 0.0], "an action from [-1. -2.] to [1.  0.5]"),
    "not a number": ([NAN, 0.0], "a finite value"),
}


@pytest.mark.parametrize("column", ["action", "demonstrated_action"])
@pytest.mark.parametrize(("action", "expected"), VECTOR_ACTIONS.values(), ids=VECTOR_ACTIONS)
def test_vectors_out_of_bounds_are_refused(tmp_path, column, action, expected):
    folder = recorded(tmp_path, VECTORS)
    change(folder / "steps.parquet", **{column: {4: action}})
    with refused(DataError, f"{folder / 'steps.parquet'}: column {column}, row 4: expected {expected}, got ["):
        read_recording(folder)


def test_the_bounds_themselves_are_actions(tmp_path):
    folder = recorded(tmp_path, VECTORS)
    change(folder / "steps.parquet", action={0: [-1.0, -2.0], 1: [1.0, 0.5]})
    assert read_recording(folder).steps["action"][:2].tolist() == [[-1.0, -2.0], [1.0, 0.5]]


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("scale", "rounding", "mistake"), [(1.0, 5e-4, 0.01), (1e6, 5.0, 50.0)])
def test_a_return_may_differ_by_rounding_and_no_more(tmp_path, scale, rounding, mistake, sign):
    episodes = [
        replace(episode, rewards=np.full(episode.length, scale, dtype=np.float32))
        for episode in random_episodes(CHOICES, [4, 1, 3])
    ]
    folder = written_recording(tmp_path / "raw", CHOICES, episodes)
    totals = read_recording(folder).episodes["return"]
    assert totals.tolist() == [4 * scale, scale, 3 * scale]
    change(folder / "episodes.parquet", **{"return": {2: totals[2] + sign * rounding}})
    assert read_recording(folder).episodes["return"][2] == totals[2] + sign * rounding
    change(folder / "episodes.parquet", **{"return": {2: totals[2] + sign * mistake}})
    with refused(DataError, "episodes.parquet: column return, row 2: expected the sum of the episode's rewards"):
        read_recording(folder)


@pytest.mark.parametrize(("total", "wrong"), [(0.0, 0.5), (0.0, -2e-3), (1e4, 1e4 + 1.0)])
def test_a_return_may_not_differ_by_more(tmp_path, total, wrong):
    folder = recorded(tmp_path)
    change(folder / "steps.parquet", reward={0: total, 1: 0.0, 2: 0.0, 3: 0.0})
    change(folder / "episodes.parquet", **{"return": {0: wrong}})
    with refused(DataError, "column return, row 0: expected the sum of the episode's rewards"):
        read_recording(folder)


def test_rewards_are_summed_in_double_precision(tmp_path):
    """In float32 one is lost beside 2^26, and the sum of these were zero."""
    folder = recorded(tmp_path)
    change(folder / "steps.parquet", reward={0: 2.0**26, 1: 1.0, 2: -(2.0**26), 3: 0.0})
    change(folder / "episodes.parquet", **{"return": {0: 1.0}})
    assert read_recording(folder).episodes["return"][0] == 1.0


def test_episodes_of_one_step_are_episodes(tmp_path):
    folder = written_recording(tmp_path / "raw", CHOICES, random_episodes(CHOICES, [1, 2, 1]))
    assert read_recording(folder).episodes["length"].tolist() == [1, 2, 1]


def test_a_return_may_differ_by_rounding(tmp_path):
    folder = recorded(tmp_path)
    total = read_recording(folder).episodes["return"][0]
    change(folder / "episodes.parquet", **{"return": {0: total + 1e-4}})
    assert read_recording(folder).episodes["return"][0] == total + 1e-4


def test_a_wide_row_is_shown_in_one_line(tmp_path):
    wide = EnvironmentSpec("Wide-v0", {}, tuple(f"observation_{index}" for index in range(24)), 2, None, None, None)
    folder = recorded(tmp_path, wide)
    change(folder / "steps.parquet", observation={1: [NAN] + [0.123456] * 23})
    with refused(DataError, "column observation, row 1"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("name", "rows", "sentence"),
    [
        ("steps.parquet", range(8), "expected 9 rows, the sum of the episodes' lengths times the agents, got 8"),
        (
            "steps.parquet",
            [0, 1, 2, 4, 5, 6, 7, 8],
            "expected 9 rows, the sum of the episodes' lengths times the agents, got 8",
        ),
        ("steps.parquet", [*range(9), 8], "expected 9 rows, the sum of the episodes' lengths times the agents, got 10"),
        ("steps.parquet", [1, 0, *range(2, 9)], "column step, row 0: expected steps 0, 1, ..."),
        ("steps.parquet", [], "expected 9 rows, the sum of the episodes' lengths times the agents, got 0"),
        ("steps.parquet", [0, 1, 2, *range(4, 9), 8], "column episode, row 3: expected rows sorted by episode"),
        ("episodes.parquet", [0, 2, 1], "column episode, row 1: expected episodes numbered 0, 1, ..."),
        ("episodes.parquet", [], "expected at least one episode, got none"),
    ],
)
def test_rows_lost_repeated_or_moved_are_refused(tmp_path, name, rows, sentence):
    folder = recorded(tmp_path)
    keep_rows(folder / name, np.asarray(list(rows), dtype=np.int64))
    with refused(DataError, f"{folder / name}: {sentence}"):
        read_recording(folder)


def test_a_lost_episode_shows_in_the_steps(tmp_path):
    folder = recorded(tmp_path)
    keep_rows(folder / "episodes.parquet", [0, 1])
    with refused(DataError, f"{folder / 'steps.parquet'}: expected 7 rows", "got 9"):
        read_recording(folder)


def test_lengths_that_disagree_with_the_steps_are_refused(tmp_path):
    folder = recorded(tmp_path)
    change(folder / "episodes.parquet", length={0: 3, 1: 4})
    with refused(DataError, f"{folder / 'steps.parquet'}: column episode, row 3: expected rows sorted by episode"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("name", "column", "left"),
    [
        ("steps.parquet", "reward", "episode, step, agent, observation, action, demonstrated_action, option"),
        ("episodes.parquet", "truncated", "episode, seed, length, return, terminated, final_observation"),
    ],
)
def test_a_missing_column_is_refused(tmp_path, name, column, left):
    folder = recorded(tmp_path)
    pq.write_table(pq.read_table(folder / name, partitioning=None).drop_columns(column), folder / name)
    with refused(DataError, f"{folder / name}: expected the columns episode, ", f", got {left}"):
        read_recording(folder)


@pytest.mark.parametrize("name", ["steps.parquet", "episodes.parquet"])
def test_a_column_too_many_is_refused(tmp_path, name):
    folder = recorded(tmp_path)
    table = pq.read_table(folder / name, partitioning=None)
    pq.write_table(table.append_column("colour", table["episode"]), folder / name)
    with refused(DataError, f"{folder / name}: expected the columns episode, ", "colour"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("name", "column", "kind"),
    [
        ("steps.parquet", "observation", pa.list_(pa.float64(), 3)),
        ("steps.parquet", "observation", pa.list_(pa.float32())),
        ("steps.parquet", "action", pa.int32()),
        ("steps.parquet", "reward", pa.float64()),
        ("steps.parquet", "episode", pa.int64()),
        ("episodes.parquet", "return", pa.float32()),
        ("episodes.parquet", "terminated", pa.int8()),
        ("episodes.parquet", "final_observation", pa.list_(pa.float64(), 3)),
    ],
)
def test_another_type_is_refused(tmp_path, name, column, kind):
    folder = recorded(tmp_path)
    table = pq.read_table(folder / name, partitioning=None)
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, table[column].cast(kind)), folder / name)
    with refused(DataError, f"{folder / name}: column {column}: expected type ", f"got {kind}".split("<")[0]):
        read_recording(folder)


@pytest.mark.parametrize("size", [2, 4])
def test_another_size_of_observations_is_refused(tmp_path, size):
    folder = recorded(tmp_path)
    table = pq.read_table(folder / "steps.parquet", partitioning=None)
    observations = pa.array(np.zeros((9, size), np.float32).tolist(), pa.list_(pa.float32(), size))
    place = table.schema.get_field_index("observation")
    pq.write_table(table.set_column(place, "observation", observations), folder / "steps.parquet")
    with refused(DataError, "column observation: expected type", "[3]", f"[{size}]"):
        read_recording(folder)
