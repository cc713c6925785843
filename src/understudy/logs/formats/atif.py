"""Trajectories of the Agent Trajectory Interchange Format, versions 1.x, which Harbor writes.

{"schema_version": "ATIF-v1.4", "session_id": ..., "agent": {...}, "steps": [{"source": "user", "message": ...}, ...]}; a step of
the agent holds its calls and, as `observation`, what they returned. Source: harborframework.com/docs/trajectory-format.
"""

from collections.abc import Iterator
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, field, label, mappings, optional
from understudy.logs.known import known_fields
from understudy.logs.messages import content_text
from understudy.logs.run import Run
from understudy.logs.transcript import EMPTY, Transcript

VERSION = "ATIF-v1."
SOURCES = {"system": "system", "user": "user", "agent": "assistant"}
ELSEWHERE = "runs of subagents that lie in other files"


def matches(content: Any) -> bool:
    """Whether it says that it is a trajectory."""
    return isinstance(content, dict) and str(content.get("schema_version")).startswith("ATIF")


def read(content: Any) -> Iterator[Run]:
    """One run; task and outcome come from the trajectory's `extra`, where somebody has put them.

    Raises:
        DataError: it is of another version, or malformed.
    """
    version = field(content, "schema_version", str)
    if not version.startswith(VERSION):
        raise DataError(f"schema_version: expected {VERSION}x, got {version!r}")
    transcript = Transcript()
    for turn, step in enumerate(mappings(content, "steps")):
        try:
            _add(transcript, turn, step)
        except DataError as error:
            raise DataError(f"steps[{turn}]: {error}") from None
    agent, extra = optional(content, "agent", dict) or {}, optional(content, "extra", dict) or {}
    known = known_fields(extra, transcript.notes)
    known["name"] = label(content.get("session_id")) or label(content.get("trajectory_id")) or known["name"]
    known["agent"] = label(agent.get("name")) or known["agent"]
    known["metadata"] |= {"convention": version, "model": agent.get("model_name")}
    yield transcript.run("atif", **known)


def _add(transcript: Transcript, turn: int, step: Content) -> None:
    source, before = field(step, "source", str), len(transcript.parts)
    if source not in SOURCES:
        raise DataError(f"source: expected one of {', '.join(SOURCES)}, got {source!r}")
    role = SOURCES[source]
    transcript.say(turn, role, optional(step, "reasoning_content", str) or "", kind="thought")
    transcript.say(turn, role, content_text(step.get("message")))
    for call in mappings(step, "tool_calls") if step.get("tool_calls") is not None else []:
        name, arguments = field(call, "function_name", str), optional(call, "arguments", dict, str)
        transcript.call(turn, role, name, arguments, call_id=label(call.get("tool_call_id")))
    observation = optional(step, "observation", dict)
    for result in mappings(observation, "results") if observation is not None else []:
        _observe(transcript, turn, result)
    transcript.notes[EMPTY] += len(transcript.parts) == before


def _observe(transcript: Transcript, turn: int, result: Content) -> None:
    transcript.notes[ELSEWHERE] += len(optional(result, "subagent_trajectory_ref", list) or [])
    text, called = content_text(result.get("content")), label(result.get("source_call_id"))
    if called is None:  # it answers no call: what the environment or the system reports
        transcript.say(turn, "environment", text)
    else:
        transcript.result(turn, text, called)
