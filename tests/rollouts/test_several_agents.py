"""Recordings of several agents: one schema with those of one, a row a step and agent, and its promises broken once."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.builders import (
    CHOICES,
    SEVERAL_CHOICES,
    SEVERAL_VECTORS,
    assert_same_episode,
    random_episodes,
    refused,
    written_recording,
)
from tests.rollouts.test_check import change, keep_rows
from understudy.errors import DataError
from understudy.rollouts import parquet
from understudy.rollouts import table as one_file
from understudy.rollouts.parquet import open_recording, read_recording

LENGTHS = [4, 3, 2]
EVERY_SPEC = pytest.mark.parametrize("spec", [SEVERAL_CHOICES, SEVERAL_VECTORS], ids=["choices", "vectors"])


def recorded(folder, spec=SEVERAL_CHOICES):
    return written_recording(folder / "raw", spec, random_episodes(spec, LENGTHS, truncated=[1]))


@EVERY_SPEC
@pytest.mark.parametrize("rows", [one_file.ROWS_AT_ONCE, 2])
def test_episodes_come_back_as_they_were(tmp_path, monkeypatch, spec, rows):
    monkeypatch.setattr(one_file, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 10)
    recording = read_recording(recorded(tmp_path, spec))
    assert recording.spec == spec
    for got, expected in zip(recording.as_episodes(), random_episodes(spec, LENGTHS, truncated=[1]), strict=True):
        assert_same_episode(got, expected)


def test_rows_are_sorted_by_episode_step_and_agent(tmp_path):
    folder = recorded(tmp_path)
    steps, episodes = (pq.read_table(folder / name) for name in ("steps.parquet", "episodes.parquet"))
    order = [
        (episode, step, agent) for episode, count in enumerate(LENGTHS) for step in range(count) for agent in range(3)
    ]
    columns = (steps[name].to_pylist() for name in ("episode", "step", "agent"))
    assert list(zip(*columns, strict=True)) == order
    first = random_episodes(SEVERAL_CHOICES, LENGTHS)[0]
    assert steps["observation"].to_pylist()[:4] == [*first.observations[0].tolist(), first.observations[1, 0].tolist()]
    assert steps["reward"].to_pylist()[:12] == first.rewards.flatten().tolist()
    assert episodes["length"].to_pylist() == LENGTHS
    assert episodes["final_observation"].to_pylist()[0] == first.final_observation.flatten().tolist()
    np.testing.assert_allclose(episodes["return"].to_pylist()[0], first.rewards.sum(axis=0).mean(), rtol=1e-6)


def test_pieces_are_whole_episodes(tmp_path, monkeypatch):
    monkeypatch.setattr(one_file, "ROWS_AT_ONCE", 5)
    pieces = list(open_recording(recorded(tmp_path)).pieces())
    assert [len(piece.steps["step"]) for piece in pieces] == [12, 9, 6]
    assert [piece.offsets.tolist() for piece in pieces] == [[0, 12], [0, 9], [0, 6]]


@pytest.mark.parametrize(
    ("name", "columns", "sentence"),
    [
        ("steps", {"agent": {4: 0}}, "column agent, row 4: expected agents 0 to 2 of each step in order, got 0"),
        ("steps", {"agent": {5: 3}}, "column agent, row 5: expected agents 0 to 2 of each step in order, got 3"),
        ("steps", {"step": {2: 1}}, "column step, row 2: expected steps 0, 1, ... of each episode in order"),
        ("steps", {"episode": {11: 1}}, "column episode, row 11: expected rows sorted by episode"),
        ("episodes", {"return": {1: 99.0}}, "column return, row 1: expected the sum of the episode's rewards"),
    ],
)
def test_a_broken_promise_is_told_with_its_place(tmp_path, name, columns, sentence):
    folder = recorded(tmp_path)
    change(folder / f"{name}.parquet", **columns)
    with refused(DataError, f"{name}.parquet: {sentence}"):
        read_recording(folder)


def test_an_agent_left_out_is_told(tmp_path):
    folder = recorded(tmp_path)
    keep_rows(folder / "steps.parquet", [row for row in range(27) if row != 7])
    with refused(
        DataError, "steps.parquet: expected 27 rows, the sum of the episodes' lengths times the agents, got 26"
    ):
        read_recording(folder)


def test_a_recording_of_one_agent_does_not_tell_of_agents(tmp_path):
    folder = written_recording(tmp_path / "raw", CHOICES, random_episodes(CHOICES, LENGTHS))
    assert b"num_agents" not in pq.read_schema(folder / "steps.parquet").metadata[b"understudy"]


@pytest.mark.parametrize("number", [0, -1, 2**15, 10**30, 2.0, True, None])
def test_a_number_of_agents_that_makes_no_sense_is_refused(number):
    with refused(ValueError, "environment.num_agents: expected another kind of value", repr(number)):
        replace(CHOICES, num_agents=number)
