"""Logs are imported, embedded and followed at small sizes, and what is counted is there."""

import sys

from benchmarks import agent_logs
from understudy.logs.toy import write_toy_logs

SMALL = {
    "STEPS": 4,
    "CONVERSATIONS": 2,
    "ROUNDS": 2,
    "STUDIES": dict.fromkeys(("choice", "reply"), ("agents", "decoder")),
}


def test_all_of_it_runs_on_the_toy_desk(monkeypatch, capsys, tmp_path):
    desk = tmp_path / "desk.jsonl"
    write_toy_logs(desk, num_runs=500, num_tasks=60, error_rate=0.15, agent="desk", seed=0)
    monkeypatch.setattr(sys, "argv", ["agent_logs", str(desk)])
    for name, value in SMALL.items():
        monkeypatch.setattr(agent_logs, name, value)
    agent_logs.main()
    lines = capsys.readouterr().out.splitlines()
    stages = ["agents: import_logs", "agents: embed_texts", "agents: embed_texts"]
    assert [line.rpartition(": ")[0] for line in lines[:3]] == stages
    assert lines[3] == "5,417 messages in 500 runs"
    assert lines[4].startswith("2 conversations of 4 steps")
    rows = [line.strip("| ").split(" | ") for line in lines[7:]]
    assert [row[0] for row in rows] == ["next_action", "reply", "both"]
    assert all(float(cell) > 0 for row in rows for cell in row[1:])


def test_a_call_and_its_result_are_messages_again():
    contents = ["Cancel it.", '{"order": 1}', "done"]
    call = {"role": "assistant", "kind": "tool_call", "tool": "cancel", "arguments": 1, "text": None}
    result = {"role": "tool", "kind": "tool_result", "tool": "cancel", "arguments": None, "text": 2}
    assert agent_logs.message(call, contents)["tool_calls"][0]["function"] == {
        "name": "cancel",
        "arguments": '{"order": 1}',
    }
    assert agent_logs.message(result, contents) == {"role": "tool", "content": "done"}
    opening = {"role": "assistant", "content": "Hello!"}
    said = [{"role": "assistant", "content": "1"}, {"role": "user", "content": "2"}] * 30
    assert agent_logs.asked_at([opening, *said]) == list(range(1, 40, 2))
