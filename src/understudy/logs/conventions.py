"""Chat messages in a span's attributes and events, by the convention that it follows, as OpenAI's interface would have them.

conversation(span) -- (convention, messages that the model was given, messages that it answered), None where it called no model

openinference   llm.input_messages.0.message.role, ...: OpenInference's flattened lists
gen_ai-1.37     gen_ai.input.messages, gen_ai.output.messages, gen_ai.system_instructions: lists of parts, or their JSON
gen_ai-1.28     events gen_ai.user.message, ..., gen_ai.choice, until 1.36
gen_ai-flat     gen_ai.prompt.0.role, gen_ai.completion.0.content, ...: before there were events
"""

from typing import Any

from understudy.errors import DataError
from understudy.logs.access import parse_json, to_json
from understudy.logs.spans import Span, at, children

Message = dict[str, Any]
Conversation = tuple[str, list[Message], list[Message]]
EVENTS = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
CHOICE = "gen_ai.choice"


def conversation(span: Span) -> Conversation | None:
    """What a model was given and answered; None of a span that holds no messages."""
    tree = span.attributes
    given, answered = at(tree, "llm.input_messages"), at(tree, "llm.output_messages")
    if given is not None or answered is not None:
        return "openinference", _openinference(given), _openinference(answered)
    sources = [tree, *(event for _, event in span.events)]
    for source in sources:  # the later convention has them on the span, or on an event of their own
        given, answered = at(source, "gen_ai.input.messages"), at(source, "gen_ai.output.messages")
        if given is not None or answered is not None:
            instructions = _decoded(at(source, "gen_ai.system_instructions"), "gen_ai.system_instructions")
            first = _parts({"role": "system", "parts": instructions}) if instructions else []
            return "gen_ai-1.37", first + _by_parts(given, "input"), _by_parts(answered, "output")
    if any(name in EVENTS or name == CHOICE for name, _ in span.events):
        return "gen_ai-1.28", *_by_events(span)
    given, answered = at(tree, "gen_ai.prompt"), at(tree, "gen_ai.completion")
    if isinstance(given, dict) or isinstance(answered, dict):
        return "gen_ai-flat", _flat(given), _flat(answered)
    return None


def _openinference(tree: Any) -> list[Message]:
    return [_of_openinference(at(each, "message")) for each in children(tree)]


def _of_openinference(tree: Any) -> Message:
    calls = [at(each, "tool_call") for each in children(at(tree, "tool_calls"))]
    content = at(tree, "content")
    if content is None:
        texts = [at(each, "message_content.text") for each in children(at(tree, "contents"))]
        content = "\n".join(each for each in texts if isinstance(each, str)) or None
    return {
        "role": at(tree, "role"),
        "content": content,
        "tool_calls": [{"id": at(each, "id"), "function": at(each, "function")} for each in calls],
        "tool_call_id": at(tree, "tool_call_id"),
    }


def _by_parts(value: Any, name: str) -> list[Message]:
    messages = _decoded(value, f"gen_ai.{name}.messages")
    return [message for each in messages for message in _parts(each)]


def _parts(message: Any) -> list[Message]:
    """A message of parts; each result in it is a message of its own."""
    if not isinstance(message, dict) or not isinstance(message.get("parts"), list):
        raise DataError("gen_ai messages: expected objects with role and parts")
    texts, calls, results = [], [], []
    for part in message["parts"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call":
            calls.append({"id": part.get("id"), "name": part.get("name"), "arguments": part.get("arguments")})
        elif kind == "tool_call_response":
            content = part.get("response", part.get("result"))
            results.append({"role": "tool", "tool_call_id": part.get("id"), "content": _text(content)})
        elif kind == "reasoning":
            texts.append({"type": "reasoning", "reasoning": part.get("content")})
        else:
            texts.append(
                {"type": "text", "text": _text(part.get("content")) if isinstance(part, dict) else _text(part)}
            )
    if not (texts or calls):
        return results
    return [{"role": message.get("role"), "content": texts, "tool_calls": calls}, *results]


def _by_events(span: Span) -> tuple[list[Message], list[Message]]:
    given: list[Message] = []
    answered: list[Message] = []
    for name, event in span.events:
        # What other events hold, such as an exception, is no message.
        if name in EVENTS:
            given.append(_of_event(event, EVENTS[name]))
        elif name == CHOICE:
            message = event.get("message")
            answered.append(_of_event(message if isinstance(message, dict) else event, "assistant"))
    return given, answered


def _of_event(event: Message, role: str) -> Message:
    calls = _decoded(event.get("tool_calls"), "tool_calls")
    said = event.get("role")
    return {
        "role": said if isinstance(said, str) else role,
        "content": event.get("content"),
        "tool_calls": calls,
        "tool_call_id": event.get("id"),
    }


def _flat(tree: Any) -> list[Message]:
    return [
        {
            "role": at(each, "role"),
            "content": at(each, "content"),
            "tool_calls": children(at(each, "tool_calls")),
            "tool_call_id": at(each, "tool_call_id"),
        }
        for each in children(tree)
    ]


def _decoded(value: Any, name: str) -> list[Any]:
    """A list, or the JSON of one."""
    if value is None:
        return []
    try:
        decoded = parse_json(value) if isinstance(value, str) else value
    except ValueError as error:
        raise DataError(f"{name}: expected a list, or its JSON, got: {error}") from None
    if isinstance(decoded, dict):
        return children(decoded)
    if not isinstance(decoded, list):
        raise DataError(f"{name}: expected a list, or its JSON, got {type(decoded).__name__}")
    return decoded


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value)
