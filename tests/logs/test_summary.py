"""What is said on the screen of an import."""

from collections import Counter

from understudy.logs.run import Part, Run
from understudy.logs.summary import Summary


def test_counts_are_said_and_what_is_zero_is_not():
    call = Part(1, "assistant", "tool_call", "assistant", tool="look", arguments="{}", decision=True)
    later = Part(2, "assistant", "tool_call", "assistant", tool="listen", arguments="{}", decision=True)
    parts = (Part(0, "user", "text", "user", "a"), call, call, later)
    run = Run(parts, "test", task="t", outcome=1.0, notes=Counter(odd=2))
    summary = Summary(files=3)
    for each in (run, Run(run.parts[:1], "test", agent="m", group="g", outcome=0.5)):
        summary.add(each)
    for number in range(5):
        summary.skip(f"x.jsonl, line {number}: no")
    assert summary.lines() == [
        "2 runs of 3 files (2 test), 5 steps",
        "decisions: 3 of assistants",
        "2 tools, 3 calls of them, 1 turns with parallel ones",
        "2 outcomes known, mean 0.750, 1 of 1 or more",
        "not as it could be:",
        "  1 runs without agent",
        "  1 runs without group",
        "  1 runs without task",
        "  2 odd",
        "  5 bad records skipped",
        "    x.jsonl, line 0: no",
        "    x.jsonl, line 1: no",
        "    x.jsonl, line 2: no",
    ]


def test_of_nothing_amiss_nothing_is_said():
    run = Run((Part(0, "user", "text", "user", "a"),), "test", task="t", group="g", agent="m", outcome=0.0)
    summary = Summary(files=1)
    summary.add(run)
    assert len(summary.lines()) == 4
