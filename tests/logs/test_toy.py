"""The toy desk's conversations keep its rules, unless their agent errs."""

import json
from collections import Counter

import pytest

from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.toy import toy_records, write_toy_logs


def calls(record):
    return [call["function"] for message in record["messages"] for call in message.get("tool_calls", [])]


def order(record):
    """What the agent was told of the order."""
    return next(
        json.loads(m["content"]) for m in record["messages"] if m["role"] == "tool" and "status" in m["content"]
    )


def allowed(record):
    """The rules, written once more."""
    wish, about = record["task"].split("-")[0], order(record)
    if wish == "cancel":
        return about["status"] == "pending"
    return about["status"] == "delivered" and about["days_since_delivery"] <= 30


@pytest.mark.parametrize("error_rate", [0.0, 0.4])
def test_what_was_done_is_what_the_rules_say_where_the_run_succeeded(error_rate):
    records = list(toy_records(num_runs=200, num_tasks=50, error_rate=error_rate, agent="desk", seed=3))
    for record in records:
        wish, tools = record["task"].split("-")[0], [call["name"] for call in calls(record)]
        assert tools[0] == "find_customer" and tools[1] == "get_order"
        did = f"{wish}_order" in tools
        assert did == (wish != "track" and allowed(record) == bool(record["outcome"]))
    failed = [record for record in records if not record["outcome"]]
    assert bool(failed) == bool(error_rate)


def test_tasks_are_the_same_for_every_agent_and_runs_differ():
    one, other = (
        list(toy_records(num_runs=60, num_tasks=20, error_rate=0.3, agent=agent, seed=0)) for agent in ("one", "other")
    )
    about = [[(r["task"], r["group"], order(r)) for r in records] for records in (one, other)]
    assert about[0] == about[1]
    assert [r["messages"] for r in one] != [r["messages"] for r in other]
    assert set(Counter(r["task"] for r in one).values()) == {3}
    assert len({r["group"] for r in one}) > 5


def test_they_are_imported_whole_and_hold_parallel_calls_and_a_finish(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write_toy_logs(tmp_path / name, num_runs=40, num_tasks=20, error_rate=0.2, agent="desk", seed=1)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    summary = import_logs([tmp_path / "a.jsonl"], "auto", tmp_path / "out", False, shown=False)
    assert (summary.runs, len(summary.outcomes), summary.notes, summary.missing) == (40, 40, {}, {})
    assert summary.parallel > 0
    assert set(summary.tools) == {"find_customer", "get_order", "cancel_order", "refund_order"}
    steps = read_logs(tmp_path / "out").steps.to_pylist()
    decided = Counter(row["tool"] or row["kind"] for row in steps if row["decision"] and row["role"] == "assistant")
    assert decided["finish"] == 40
    assert set(decided) == {*summary.tools, "text", "finish"}
