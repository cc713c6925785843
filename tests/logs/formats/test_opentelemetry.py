"""Spans of several conventions and containers, in any order, become the conversation once."""

import copy
import json

import pytest

from tests.builders import refused
from tests.logs.samples import ARGUMENTS, ASKED, OPENINFERENCE, REPLIED, RETURNED, ROWS, rows
from understudy.errors import DataError
from understudy.logs.formats.opentelemetry import REPEATED, read

CALLED = {"type": "tool_call", "id": "c1", "name": "get_order", "arguments": {"order": "#7"}}
PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": ASKED}]},
    {"role": "assistant", "parts": [CALLED]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": RETURNED}]},
]
ANSWER = [{"role": "assistant", "parts": [{"type": "text", "content": REPLIED}], "finish_reason": "stop"}]
CALL = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": ARGUMENTS}}
EVENTS = [
    ("gen_ai.user.message", {"content": ASKED}),
    ("gen_ai.assistant.message", {"tool_calls": [CALL]}),
    ("gen_ai.tool.message", {"id": "c1", "content": RETURNED}),
    ("exception", {"exception.type": "none of ours"}),
    ("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": REPLIED}}),
]
FLAT = {
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": ASKED,
    "gen_ai.prompt.1.role": "assistant",
    "gen_ai.prompt.1.tool_calls.0.id": "c1",
    "gen_ai.prompt.1.tool_calls.0.name": "get_order",
    "gen_ai.prompt.1.tool_calls.0.arguments": ARGUMENTS,
    "gen_ai.prompt.2.role": "tool",
    "gen_ai.prompt.2.tool_call_id": "c1",
    "gen_ai.prompt.2.content": RETURNED,
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": REPLIED,
}


def span(attributes, trace="r1", start="1", events=(), span_id=None):
    said = [{"name": name, "body": body} for name, body in events]
    return {
        "trace_id": trace,
        "span_id": span_id or f"at {start}",
        "start_time": start,
        "attributes": attributes,
        "events": said,
    }


def otlp(attributes):
    """The same in OTLP's JSON, in which each value says its type."""

    def typed(value):
        if isinstance(value, list):
            return {"arrayValue": {"values": [typed(each) for each in value]}}
        if isinstance(value, dict):
            return {"kvlistValue": {"values": [{"key": key, "value": typed(each)} for key, each in value.items()]}}
        return {"stringValue": value}

    pairs = [{"key": key, "value": typed(value)} for key, value in attributes.items()]
    inner = {"traceId": "r1", "spanId": "s", "startTimeUnixNano": "1", "attributes": pairs}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [inner]}]}]}


LATEST = {"gen_ai.input.messages": PARTS, "gen_ai.output.messages": ANSWER}
FORMS = {
    "openinference": (OPENINFERENCE, "openinference"),
    "openinference in OTLP": (otlp(OPENINFERENCE["attributes"]), "openinference"),
    "latest": (span(LATEST), "gen_ai-1.37"),
    "latest as JSON": (span({key: json.dumps(value) for key, value in LATEST.items()}), "gen_ai-1.37"),
    "latest in OTLP": (otlp(LATEST), "gen_ai-1.37"),
    "events": (span({}, events=EVENTS), "gen_ai-1.28"),
    "flat": (span(FLAT), "gen_ai-flat"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_convention_and_container_gives_the_conversation(form):
    content, convention = FORMS[form]
    [run] = read([content])
    assert rows(run) == ROWS
    assert (run.name, run.metadata) == ("r1", {"convention": convention})


def earlier():
    """The call of the model before: it was asked, and called the tool."""
    first = copy.deepcopy(OPENINFERENCE)
    first |= {"start_time": "2025-01-01T00:00:01Z", "context": {"trace_id": "r1", "span_id": "s1"}}
    attributes = first["attributes"]
    for key in [key for key in attributes if "input_messages.1" in key]:
        attributes[key.replace("input_messages.1", "output_messages.0")] = attributes.pop(key)
    for key in [key for key in attributes if "input_messages.2" in key or "output_messages.0.message.content" in key]:
        del attributes[key]
    return first


def test_each_call_of_the_model_repeats_the_history_and_it_is_there_once():
    unrelated = span({"http.method": "GET"}, start="2025-01-01T00:00:00Z")
    for records in ([earlier(), OPENINFERENCE, unrelated], [OPENINFERENCE, unrelated, earlier()]):
        [run] = read(records)
        assert rows(run) == ROWS


def test_what_was_said_twice_is_there_twice():
    messages = [{"role": "user", "parts": [{"type": "text", "content": "again"}]}] * 2
    [run] = read([span({"gen_ai.input.messages": messages[:1]}), span({"gen_ai.input.messages": messages}, start="2")])
    assert [part.text for part in run.parts] == ["again", "again"]


def test_a_span_that_is_there_again_is_counted_and_left_out():
    run, other = read([earlier(), OPENINFERENCE, earlier(), OPENINFERENCE, span(LATEST, "r2", span_id="s1")])
    assert (rows(run), run.notes) == (ROWS, {REPEATED: 2})
    assert (rows(other), other.notes) == (ROWS, {})


TIMES = {
    "a fraction of a second": ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00.5Z"),
    "nanoseconds apart": ("2025-01-01T00:00:00.123456788Z", "2025-01-01T00:00:00.123456789Z"),
    "another zone": ("2025-01-01T01:00:00+02:00", "2025-01-01T00:00:00"),
    "a space": ("2025-01-01 00:00:00.25+00:00", "2025-01-01T00:00:00.3Z"),
    "text and number": ("999", 1000),
    "none": (None, "2025-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("name", TIMES)
def test_spans_are_in_the_order_of_their_times(name):
    early, late = TIMES[name]
    texts = {early: "first", late: "second"}
    both = [span({"llm.input_messages.0.message": {"role": "user", "content": texts[at]}}, start=at) for at in texts]
    for records in (both, both[::-1]):
        [run] = read(records)
        assert [part.text for part in run.parts] == ["first", "second"]


@pytest.mark.parametrize("start", ["yesterday", "2025-13-01T00:00:00Z", True, [1], "9" * 40])
def test_a_time_that_is_none_is_refused(start):
    with refused(DataError, f"record 1: start_time: expected nanoseconds or an ISO time, got {str(start)[:9]}"):
        raise next(read([span(LATEST, start=start)]))


def message(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def test_what_another_agent_answered_is_no_decision_of_the_agent_that_is_given_it():
    """A calls a tool and answers; B is given all that, adds its own, and A goes on."""
    given, own = [*PARTS, *ANSWER], [message("assistant", "Anything else?")]
    spans = [
        span({"gen_ai.input.messages": PARTS[:1], "gen_ai.output.messages": PARTS[1:2], "gen_ai.agent.name": "A"}),
        span({"gen_ai.input.messages": PARTS, "gen_ai.output.messages": ANSWER, "gen_ai.agent.name": "A"}, start="2"),
        span({"gen_ai.input.messages": given[1:], "gen_ai.output.messages": own, "gen_ai.agent.name": "B"}, start="3"),
        span(
            {
                "gen_ai.input.messages": [*given, *own, message("user", "No.")],
                "gen_ai.output.messages": [message("assistant", "Bye.")],
                "gen_ai.agent.name": "A",
            },
            start="4",
        ),
    ]
    [run] = read(spans)
    assert [(part.actor, part.text or part.tool) for part in run.parts] == [
        ("user", ASKED),
        ("A", "get_order"),
        ("A", RETURNED),
        ("A", REPLIED),
        ("B", "Anything else?"),
        ("user", "No."),
        ("A", "Bye."),
    ]
    assert not run.notes


def test_a_result_that_another_agent_is_given_first_is_there_once():
    first = span({"gen_ai.input.messages": PARTS[:1], "gen_ai.output.messages": PARTS[1:2], "gen_ai.agent.name": "A"})
    second = {"gen_ai.input.messages": PARTS[1:], "gen_ai.output.messages": ANSWER, "gen_ai.agent.name": "B"}
    third = {"gen_ai.input.messages": PARTS, "gen_ai.agent.name": "A"}
    [run] = read([first, span(second, start="2"), span(third, start="3")])
    assert [(part.actor, part.role) for part in run.parts] == [
        ("user", "user"),
        ("A", "assistant"),
        ("A", "tool"),
        ("B", "assistant"),
    ]
    assert not run.notes


def test_traces_are_runs_unless_a_conversation_joins_them():
    one, other = span(LATEST), span(LATEST, trace="r2")
    assert [run.name for run in read([one, other])] == ["r1", "r2"]
    joined = [span(LATEST | {"gen_ai.conversation.id": "c"}, trace=trace) for trace in ("r1", "r2")]
    [run] = read(joined)
    assert run.name == "c"


def test_agents_and_scores_come_out():
    scored = [("gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 0.5})]
    first = span(LATEST | {"gen_ai.agent.name": "planner"})
    second = span({"gen_ai.output.messages": ANSWER, "gen_ai.agent.name": "worker"}, start="2")
    second["events"] = [{"name": name, "attributes": attributes} for name, attributes in scored]
    [run] = read([first, second])
    assert [part.actor for part in run.parts] == ["user", "planner", "planner", "planner", "worker"]
    assert (run.agent, run.outcome) == ("planner", 0.5)


def test_instructions_come_first_and_thoughts_are_thoughts():
    parts = [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "yes"}]
    attributes = {
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": parts}],
    }
    [run] = read([span(attributes)])
    assert [(part.role, part.kind, part.text) for part in run.parts] == [
        ("system", "text", "Be brief."),
        ("assistant", "thought", "hm"),
        ("assistant", "finish", "yes"),
    ]


def test_a_bad_span_and_a_bad_run_are_told_and_the_others_are_read():
    bad_run = span({"llm.input_messages.0.message.role": "critic"}, trace="r2")
    bad, other_bad, run = read([span({"a": 1, "a.b": 2}), bad_run, span(LATEST)])
    assert str(bad).startswith("record 1: attributes: expected a.b")
    assert str(other_bad).startswith("record 2: run r2: message 0: role")
    assert rows(run) == ROWS


def test_more_than_ten_messages_stay_in_order():
    attributes = {}
    for number in range(12):
        attributes[f"llm.input_messages.{number}.message.role"] = "user"
        attributes[f"llm.input_messages.{number}.message.content"] = str(number)
    [run] = read([span(dict(sorted(attributes.items())))])
    assert [part.text for part in run.parts] == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (span({}), "expected spans with the messages of a model, of OpenInference or gen_ai.*, found none"),
        ({"messages": []}, "expected a span, or OTLP's resourceSpans, got something else"),
        (span({"gen_ai.input.messages": "[{"}), "gen_ai.input.messages: expected a list, or its JSON, got: "),
        (span({"gen_ai.input.messages": "3"}), "gen_ai.input.messages: expected a list, or its JSON, got int"),
        (span({"gen_ai.input.messages": [3]}), "gen_ai messages: expected objects with role and parts"),
        (span({"a": 1, "a.b": 2}), "attributes: expected a.b below an object, got a value in its way"),
        ({"resourceSpans": 3}, "resourceSpans: expected a list, got an integer"),
        (
            span({"llm.input_messages.0.message.role": "critic"}),
            "record 1: run r1: message 0: role: expected one of system, ",
        ),
    ],
)
def test_malformed_spans_are_sentences(content, says):
    with refused(DataError, says):
        for run in read([content]):
            raise run
