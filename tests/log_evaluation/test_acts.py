"""What was done in a log by hand, and that it is in the order of the recording's episodes."""

import json

import numpy as np
import pytest

from understudy.log_evaluation.acts import read_acts
from understudy.log_evaluation.behaviour import describe_behaviour
from understudy.log_evaluation.loops import Loop
from understudy.log_evaluation.runs import JudgedRuns
from understudy.logs.episodes import read_episodes
from understudy.logs.importing import import_logs
from understudy.logs.observation import Layout
from understudy.logs.parquet import read_logs

CHOICES = ("reply", "finish", "look", "another")


def call(number, arguments):
    function = {"name": "look", "arguments": json.dumps(arguments)}
    result = {"role": "tool", "tool_call_id": str(number), "content": f"result {number}"}
    return [{"role": "assistant", "tool_calls": [{"id": str(number), "function": function}]}, result]


RECORD = [
    {"role": "system", "content": "rules"},
    {"role": "user", "content": "hello"},
    *call(1, {"at": 1}),
    *call(2, {"at": 1}),
    *call(3, {"at": 2}),
    {"role": "assistant", "content": "done"},
]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    lines = [{"messages": RECORD, "task": "t", "outcome": 0}, {"messages": RECORD[:3], "task": "t", "outcome": 1}]
    (folder / "runs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    import_logs([folder / "runs.jsonl"], "auto", folder / "out", skip_bad=False, shown=False)
    return read_logs(folder / "out")


def test_what_was_heard_and_done(logs):
    first, second = read_acts(logs, np.arange(2))
    texts = logs.texts["content"].to_pylist()
    assert [act.name for act in first] == ["look", "look", "look", "finish"] and [act.name for act in second] == [
        "look"
    ]
    assert [texts[act.heard] for act in first] == ["hello", "result 1", "result 2", "result 3"]
    assert [texts[act.content] for act in first] == ['{"at": 1}', '{"at": 1}', '{"at": 2}', "done"]
    assert first[0].same == first[1].same != first[2].same
    assert (second[0].run, second[0].turn) == (1, 2)


def test_they_are_the_recordings_decisions(logs):
    layout = Layout(1, ("user",), CHOICES, "numbers", "choice")
    episodes = read_episodes(logs, np.zeros((logs.texts.num_rows, 1), np.float32), layout, np.arange(2))
    chosen = [[CHOICES[action] for action in each.episode.actions] for each in episodes]
    assert [[act.name for act in acts] for acts in read_acts(logs, np.arange(2))] == chosen


def test_loops_and_agreement_of_these_runs(logs):
    labels, outcomes = np.array([2, 2, 2, 1, 2]), np.array([0.0, 1.0])
    runs = JudgedRuns(CHOICES, labels, np.array([0, 4, 5]), np.array([0, 0]), ("t",), outcomes)
    found = describe_behaviour(read_acts(logs, np.arange(2)), runs, longest=2)
    assert found.loops == [[Loop(0, 1, 2)], []]
    assert found.to_json() == {
        "runs": 2,
        "loops": 1,
        "runs_with_loops": 1,
        "longest_loop": 2,
        "outcome_with_loops": 0.0,
        "outcome_without": 1.0,
        "same_prefix": 1.0,
        "prefix_pairs": 1,
        "run_agreement": pytest.approx(2 / 5),
        "run_pairs": 1,
    }
