"""OpenTelemetry spans as logs hold them, brought to one shape.

Span          -- trace, time and attributes, these as a tree
spans(content)-- of OTLP's JSON ({"resourceSpans": [...]}), or of one span as SDKs print and backends export it

Attributes with dotted keys, lists of {"key", "value"} and nested objects all become one tree: `llm.input_messages.0.message.role`
is tree["llm"]["input_messages"]["0"]["message"]["role"].
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, label, mappings, optional

DEEPEST = 32  # dotted keys cut deeper than any convention goes
LONGEST = 32  # digits of a time
ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?(Z|z|[+-][0-9]{2}:?[0-9]{2})?"
)
VALUES = ("stringValue", "boolValue", "doubleValue")


@dataclass(frozen=True)
class Span:
    """One span: `events` are (name, tree) in order, `start` is in nanoseconds, 0 where the log says none."""

    trace: str | None
    span: str | None
    start: float
    attributes: dict[str, Any]
    events: tuple[tuple[str, dict[str, Any]], ...]


def is_span(content: Any) -> bool:
    """Whether it is a span, or OTLP's JSON of some."""
    if not isinstance(content, dict):
        return False
    named = any(key in content for key in ("trace_id", "traceId", "context", "span_id", "spanId"))
    return "resourceSpans" in content or (named and isinstance(content.get("attributes"), dict | list))


def spans(content: Content) -> Iterator[Span]:
    """The spans in a record.

    Raises:
        DataError: it is malformed.
    """
    if "resourceSpans" not in content:
        yield _span(content)
        return
    for resource in mappings(content, "resourceSpans"):
        for scope in mappings(resource, "scopeSpans"):
            for each in mappings(scope, "spans"):
                yield _span(each)


def children(tree: Any) -> list[Any]:
    """The entries of a list in a tree, whose keys are numbers there, in their order."""
    if isinstance(tree, list):
        return tree
    if not isinstance(tree, dict):
        return []
    return [tree[key] for key in sorted((key for key in tree if key.isdecimal()), key=int)]


def at(tree: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _span(content: Content) -> Span:
    context = optional(content, "context", dict) or {}
    trace = content.get("trace_id", content.get("traceId", context.get("trace_id")))
    span = content.get("span_id", content.get("spanId", context.get("span_id")))
    start = content.get("start_time", content.get("startTimeUnixNano"))
    events = [each for each in optional(content, "events", list) or [] if isinstance(each, dict)]
    return Span(
        label(trace),
        label(span),
        _nanoseconds(start),
        _tree(content.get("attributes")),
        tuple((str(each.get("name", each.get("event.name"))), _event(each)) for each in events),
    )


def _nanoseconds(value: Any) -> float:
    """A time since 1970, of a number, its text, or an ISO time, which is UTC where it names no zone; 0 of none."""
    if value is None or value == "":
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdecimal() and len(value) <= LONGEST:
        return int(value)
    if isinstance(value, str) and (found := ISO.fullmatch(value.strip())):
        second, fraction, zone = found.groups()
        with suppress(ValueError):  # a thirteenth month
            moment = datetime.fromisoformat(second + (zone or "Z").upper())
            return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0")[:9])
    raise DataError(f"start_time: expected nanoseconds or an ISO time, got {str(value)[:LONGEST]}")


def _event(content: Content) -> dict[str, Any]:
    """Attributes of an event, and its body, which older conventions have the message in."""
    body = content.get("body")
    return _tree(content.get("attributes")) | (body if isinstance(body, dict) else {})


def _tree(attributes: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if isinstance(attributes, list):
        attributes = {
            each["key"]: _value(each.get("value")) for each in attributes if isinstance(each, dict) and "key" in each
        }
    _insert(tree, attributes if isinstance(attributes, dict) else {}, 0)
    return tree


def _insert(tree: dict[str, Any], values: Content, depth: int) -> None:
    if depth > DEEPEST:
        raise DataError(f"attributes: expected at most {DEEPEST} levels, got more")
    for key, value in values.items():
        *parents, last = str(key).split(".", DEEPEST)
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise DataError(f"attributes: expected {key} below an object, got a value in its way")
        if isinstance(value, dict):
            below = place.setdefault(last, {})
            if not isinstance(below, dict):
                raise DataError(f"attributes: expected {key} as an object, got a value in its way")
            _insert(below, value, depth + 1)
        else:
            place[last] = value


def _value(value: Any) -> Any:
    """A value of OTLP's JSON, in which each says its type."""
    if not isinstance(value, dict):
        return value
    for name in VALUES:
        if name in value:
            return value[name]
    if "intValue" in value:
        number = value["intValue"]
        return (
            int(number) if isinstance(number, str) and number.lstrip("-").isdecimal() and len(number) < 20 else number
        )
    if isinstance(value.get("arrayValue"), dict):
        return [_value(each) for each in optional(value["arrayValue"], "values", list) or []]
    if isinstance(value.get("kvlistValue"), dict):
        pairs = mappings(value["kvlistValue"], "values") if "values" in value["kvlistValue"] else []
        return {str(each.get("key")): _value(each.get("value")) for each in pairs}
    return None
