"""Chat messages as OpenAI's interface has them, and the variants that logs are found with.

add_messages(transcript, messages) -- all of a conversation
add_message(transcript, turn, ...) -- one of them
content_text(content)              -- content that is text alone

`content` may be null, text, or a list of parts, Anthropic's tool parts among them; a call's name and arguments lie below
`function`, those of a custom tool below `custom`, or beside the id; a result names its call as `tool_call_id` or `id`.
"""

from collections.abc import Iterable
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, field, label, optional, to_json
from understudy.logs.transcript import EMPTY, Transcript

ALIASES = {"developer": "system", "function": "tool", "human": "user", "ai": "assistant", "model": "assistant"}
KNOWN = ("system", "user", "assistant", "tool")
TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
THOUGHTS = {"thinking": "thinking", "reasoning": "reasoning"}
NO_TEXT = "parts that are no text, named by their kind alone"


def add_messages(transcript: Transcript, messages: Iterable[Any]) -> None:
    """Add messages; what is wrong with one is a DataError that begins with messages[NUMBER]."""
    for turn, message in enumerate(messages):
        try:
            if not isinstance(message, dict):
                raise DataError(f"expected an object, got {type(message).__name__}")
            add_message(transcript, turn, message)
        except DataError as error:
            raise DataError(f"messages[{turn}]: {error}") from None


def add_message(transcript: Transcript, turn: int, message: Content) -> None:
    """Add one message.

    Raises:
        DataError: its role is missing or unknown, or its content, a call or a result is malformed.
    """
    role, name = _role(message), optional(message, "name", str)
    before = len(transcript.parts)
    content = message.get("content")
    if role == "tool":
        _add_result(transcript, turn, message, name)
    else:
        for key in ("reasoning_content", "reasoning"):
            if isinstance(message.get(key), str):
                transcript.say(turn, role, message[key], name, "thought")
        _add_content(transcript, turn, role, content, name)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal != content:
            transcript.say(turn, role, refusal, name)
        _add_calls(transcript, turn, role, message, name)
    transcript.notes[EMPTY] += len(transcript.parts) == before


def content_text(content: Any) -> str:
    """The text of content that is null, text, a list of parts, or anything else, which becomes JSON."""
    if content is None:
        return ""
    if isinstance(content, list) and all(isinstance(each, dict | str) for each in content):
        return "\n".join(_part_text(each) for each in content)
    return content if isinstance(content, str) else to_json(content)


def _role(message: Content) -> str:
    role = field(message, "role", str).lower()
    role = ALIASES.get(role, role)
    if role not in KNOWN:
        raise DataError(f"role: expected one of {', '.join(KNOWN)}, got {role!r}")
    return role


def _add_content(transcript: Transcript, turn: int, role: str, content: Any, name: str | None) -> None:
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        kind = label(part.get("type")) if isinstance(part, dict) else None
        if kind in ("tool_use", "tool_result") or kind in THOUGHTS:
            transcript.say(turn, role, "\n".join(texts), name)
            texts.clear()
            _add_special(transcript, turn, role, part, name)
        elif isinstance(part, str | dict):
            transcript.notes[NO_TEXT] += kind is not None and kind not in TEXTS
            texts.append(_part_text(part))
        elif part is not None:
            raise DataError(f"content: expected text, null or a list of parts, got {type(part).__name__}")
    transcript.say(turn, role, "\n".join(texts), name)


def _add_special(transcript: Transcript, turn: int, role: str, part: Content, name: str | None) -> None:
    """A part of content that is a call, a result or a thought."""
    if part["type"] == "tool_use":
        called = label(part.get("id"))
        transcript.call(turn, role, field(part, "name", str), part.get("input"), call_id=called, actor=name)
    elif part["type"] == "tool_result":
        called = label(part.get("tool_use_id"))
        transcript.result(turn, content_text(part.get("content")), called, error=optional(part, "is_error", bool))
    else:
        transcript.say(turn, role, content_text(part.get(THOUGHTS[part["type"]])), name, "thought")


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type")
    if not isinstance(kind, str):
        return part["text"] if isinstance(part.get("text"), str) else to_json(part)
    if kind in TEXTS:
        return field(part, TEXTS[kind], str)
    return f"[{kind}]"


def _add_calls(transcript: Transcript, turn: int, role: str, message: Content, name: str | None) -> None:
    calls = {f"tool_calls[{number}]": call for number, call in enumerate(optional(message, "tool_calls", list) or [])}
    if message.get("function_call") is not None:
        calls["function_call"] = {"function": message["function_call"]}
    for place, call in calls.items():
        try:
            tool, arguments = _called(call)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        transcript.call(turn, role, tool, arguments, call_id=label(call.get("id")), actor=name)


def _called(call: Any) -> tuple[str, Any]:
    """The tool that a call names, and the arguments."""
    if not isinstance(call, dict):
        raise DataError(f"expected an object, got {type(call).__name__}")
    custom = call.get("type") == "custom"
    function = call.get("custom" if custom else "function")
    named = function if isinstance(function, dict) else call
    tool = function if isinstance(function, str) else field(named, "name", str)
    return tool, optional(named, "input" if custom else "arguments", str, dict)


def _add_result(transcript: Transcript, turn: int, message: Content, name: str | None) -> None:
    called = label(message.get("tool_call_id")) or label(message.get("id"))
    error = message.get("error")
    failed = error if isinstance(error, bool) else None if error is None else True
    transcript.result(
        turn, content_text(message.get("content")), called, name or label(message.get("function")), failed
    )
