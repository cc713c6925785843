"""The same conversation in every format comes out the same."""

import copy
from typing import get_args

import pytest

from tests.builders import refused
from tests.logs.samples import OTHERS, ROWS, SAMPLES, rows
from understudy.errors import DataError
from understudy.logs.detect import GATHERING, READERS, detect
from understudy.logs.importing import AUTO, FORMATS
from understudy.params.logs import LogFormat

ALL = SAMPLES | OTHERS


def read(name, content):
    """The run, or the error that was given in its place raised."""
    [run] = READERS[name].read([content] if name in GATHERING else content)
    if isinstance(run, DataError):
        raise run
    return run


def test_every_format_has_a_sample_and_a_name_in_the_parameters():
    assert set(ALL) == set(READERS)
    assert get_args(LogFormat) == FORMATS == (AUTO, *READERS)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_conversation_comes_out(name):
    run = read(name, SAMPLES[name])
    assert rows(run) == ROWS
    assert [part.answers for part in run.parts] == [None, None, 1, None]
    assert [part.decision for part in run.parts] == [False, True, False, True]
    assert run.format == name
    assert not run.notes


@pytest.mark.parametrize("name", ALL)
def test_a_format_is_told_by_the_content(name):
    assert detect(ALL[name]) == name
    assert [other for other in READERS if READERS[other].matches(ALL[name])] == [name]


def test_what_no_format_looks_like_is_refused():
    with refused(DataError, "expected a log of one of the formats", "got an object with train, test"):
        detect({"train": [], "test": []})
    with refused(DataError, "got int"):
        detect(3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai_chat", ("r1", "t1", "u1", None, "m1", 1.0)),
        ("sharegpt", ("r1", None, None, None, None, None)),
        ("atif", ("r1", "t1", None, None, "m1", 1.0)),
        ("inspect", ("t1/1", "t1", None, "orders", "m1", 1.0)),
        ("tau_bench", ("3/1", "3", "u1", None, None, 1.0)),
        ("tau2_bench", ("r1", "t1", "ada_king_0001", "orders", "m1", 1.0)),
        ("opentelemetry", ("r1", None, "u1", None, "m1", None)),
        ("who_and_when", ("q1", "q1", None, None, "Magentic-One", 0.0)),
        ("plain", (None, "t1", None, None, None, 1.0)),
    ],
)
def test_what_is_known_of_the_run_comes_out(name, expected):
    run = read(name, ALL[name])
    assert (run.name, run.task, run.group, run.domain, run.agent, run.outcome) == expected


def without(content, *path):
    """A copy in which the value at the path is gone."""
    changed = copy.deepcopy(content)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(
    ("name", "path", "says"),
    [
        ("openai_chat", ("messages", 3, "role"), "messages[3]: role: expected text, found no such field"),
        (
            "openai_chat",
            ("messages", 1, "tool_calls", 0, "function", "name"),
            "messages[1]: tool_calls[0]: name: expected text",
        ),
        ("sharegpt", ("conversations", 0, "value"), "conversations[0]: value: expected text, found no such field"),
        ("atif", ("steps", 1, "source"), "steps[1]: source: expected text"),
        ("atif", ("steps", 1, "observation", "results"), "steps[1]: results: expected a list"),
        ("inspect", ("samples", 0, "messages"), "samples[0]: messages: expected a list"),
        ("inspect", ("version",), "version: expected 1 or 2, got None"),
        ("tau_bench", ("traj", 0, "role"), "messages[0]: role: expected text"),
        ("tau2_bench", ("tasks",), "tasks: expected a list, found no such field"),
        ("tau2_bench", ("simulations", 0, "messages"), "simulations[0]: messages: expected a list"),
        ("who_and_when", ("history", 2, "content"), "history[2]: content: expected text"),
        ("plain", ("states",), "states: expected a list, found no such field"),
        ("plain", ("rewards", 0), "rewards: expected 2, one an action, got 1"),
    ],
)
def test_a_missing_field_is_a_sentence(name, path, says):
    with refused(DataError, says):
        read(name, without(ALL[name], *path))
