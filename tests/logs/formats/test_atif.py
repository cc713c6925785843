"""Thoughts, results that answer no call, other files, other versions."""

from tests.builders import refused
from tests.logs.samples import ATIF, rows
from understudy.errors import DataError
from understudy.logs.formats.atif import ELSEWHERE, read


def test_thoughts_and_observations_of_no_call_come_out():
    reference = [{"session_id": "r2", "trajectory_path": "r2.json"}]
    results = [{"content": [{"type": "text", "text": "exit 0"}]}, {"subagent_trajectory_ref": reference}]
    step = {"source": "agent", "message": "ls", "reasoning_content": "Look.", "observation": {"results": results}}
    [run] = read(ATIF | {"steps": [{"source": "user", "message": "Go."}, step]})
    assert rows(run) == [
        ("user", "text", None, "Go."),
        ("assistant", "thought", None, "Look."),
        ("assistant", "text", None, "ls"),
        ("environment", "text", None, "exit 0"),
    ]
    assert [part.decision for part in run.parts] == [False, False, True, False]
    assert run.notes[ELSEWHERE] == 1


def test_another_version_is_refused():
    with refused(DataError, "schema_version: expected ATIF-v1.x, got 'ATIF-v2.0'"):
        list(read(ATIF | {"schema_version": "ATIF-v2.0"}))
