"""What a record says of its run beside the conversation: the names under which logs commonly hold it.

known_fields(record) -- keyword arguments of Run
"""

from collections import Counter
from typing import Any

from understudy.logs.access import Content, as_number, label

PLACES = (None, "metadata", "info")  # the record itself, and objects in it
LABELS = {
    "name": ("run", "run_id", "id", "conversation_id", "session_id", "trace_id"),
    "task": ("task", "task_id"),
    "group": ("group", "group_id", "user_id"),
    "domain": ("domain",),
    "agent": ("agent", "agent_name", "model"),
    "ended": ("ended", "termination_reason"),
}
OUTCOMES = ("outcome", "success", "reward", "score")
WORDS = {"success": 1.0, "true": 1.0, "failure": 0.0, "false": 0.0}  # outcomes as text, in any case
NO_NUMBER = "outcomes that are no number"


def known_fields(record: Content, notes: Counter[str]) -> dict[str, Any]:
    """Name, task, group, domain, agent, end and outcome where the record, its `metadata` or its `info` holds them.

    The outcome is the first of OUTCOMES that is a number, true or false, or one of WORDS; where all are something else, that is
    counted. The metadata are the record's own and what else it holds of text, numbers and flags.
    """
    known: dict[str, Any] = {name: _first(record, keys) for name, keys in LABELS.items()}
    outcomes = [value for value in _values(record, OUTCOMES) if value is not None]
    known["outcome"] = next((found for value in outcomes if (found := _outcome(value)) is not None), None)
    notes[NO_NUMBER] += bool(outcomes) and known["outcome"] is None
    used = {key for keys in (*LABELS.values(), OUTCOMES) for key in keys}
    scalars = {key: value for key, value in record.items() if isinstance(value, str | int | float) and key not in used}
    own = record.get("metadata")
    known["metadata"] = scalars | (own if isinstance(own, dict) else {})
    return known


def _outcome(value: Any) -> float | None:
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else as_number(value)


def _first(record: Content, keys: tuple[str, ...]) -> str | None:
    return next((found for value in _values(record, keys) if (found := label(value)) is not None), None)


def _values(record: Content, keys: tuple[str, ...]) -> list[Any]:
    """Values of the keys, in their order and in that of the places."""
    places = [record if place is None else record.get(place) for place in PLACES]
    return [place[key] for key in keys for place in places if isinstance(place, dict) and key in place]
