"""Replies are those of the records, each after what was heard last."""

import json

import numpy as np

from tests.builders import refused
from understudy.errors import DataError
from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.replies import NOTHING, replies_in
from understudy.logs.toy import toy_records, write_toy_logs


def test_replies_are_the_assistants_texts_after_what_was_heard(tmp_path):
    write_toy_logs(tmp_path / "desk.jsonl", num_runs=8, num_tasks=8, error_rate=0.2, agent="desk", seed=1)
    import_logs([tmp_path / "desk.jsonl"], "auto", tmp_path / "out", False, shown=False)
    logs, expected = read_logs(tmp_path / "out"), []
    for record in list(toy_records(num_runs=8, num_tasks=8, error_rate=0.2, agent="desk", seed=1))[2:]:
        for number, message in enumerate(record["messages"]):
            if message["role"] == "assistant" and message["content"]:
                expected.append((message["content"], record["messages"][number - 1]["content"]))
    contents = logs.texts["content"].to_pylist()
    found = replies_in(logs, np.arange(2, 8))
    assert [(contents[said], contents[heard]) for said, heard in zip(found.said, found.heard, strict=True)] == expected


def imported(tmp_path, messages):
    (tmp_path / "some.jsonl").write_text(json.dumps({"messages": messages}))
    import_logs([tmp_path / "some.jsonl"], "auto", tmp_path / "out", False, shown=False)
    return read_logs(tmp_path / "out")


def test_a_reply_to_nothing_is_one(tmp_path):
    opened = [{"role": "assistant", "content": "Hello."}, {"role": "assistant", "content": "Are you there?"}]
    logs = imported(tmp_path, [*opened, {"role": "user", "content": "Yes."}, {"role": "assistant", "content": "Good."}])
    contents = logs.texts["content"].to_pylist()
    found = replies_in(logs, np.array([0]))
    assert [contents[said] for said in found.said] == ["Are you there?", "Good."]
    assert found.heard.tolist() == [NOTHING, contents.index("Yes.")]


def test_runs_of_several_assistants_are_refused(tmp_path):
    names = ("one", "two", "one")
    said = [{"role": "assistant", "name": name, "content": f"{name} {number}"} for number, name in enumerate(names)]
    logs = imported(tmp_path, [{"role": "user", "content": "Go."}, *said])
    with refused(DataError, "data/logs: run 0: expected one assistant that replies, got several"):
        replies_in(logs, np.array([0]))
