"""ShareGPT's conversations, with tools as LLaMA-Factory has them: {"conversations": [{"from": "human", "value": ...}, ...]}."""

from collections.abc import Iterator
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import field, mappings, parse_json
from understudy.logs.known import known_fields
from understudy.logs.run import Run
from understudy.logs.transcript import EMPTY, Transcript

SPEAKERS = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
RESULTS = ("observation", "tool", "function_response")


def matches(content: Any) -> bool:
    """Whether it has `conversations`."""
    return isinstance(content, dict) and isinstance(content.get("conversations"), list)


def read(content: Any) -> Iterator[Run]:
    """One run; a `function_call` is the JSON of a name and its arguments, and a result follows its call."""
    transcript = Transcript()
    if isinstance(content.get("system"), str):
        transcript.say(-1, "system", content["system"])
    for turn, message in enumerate(mappings(content, "conversations")):
        try:
            _add(transcript, turn, field(message, "from", str), field(message, "value", str))
        except DataError as error:
            raise DataError(f"conversations[{turn}]: {error}") from None
    yield transcript.run("sharegpt", **known_fields(content, transcript.notes))


def _add(transcript: Transcript, turn: int, speaker: str, value: str) -> None:
    if speaker in SPEAKERS:
        transcript.notes[EMPTY] += not value.strip()
        transcript.say(turn, SPEAKERS[speaker], value)
    elif speaker in RESULTS:
        transcript.result(turn, value)
    elif speaker == "function_call":
        try:
            calls = parse_json(value)
        except ValueError as error:
            raise DataError(f"value: expected the JSON of a call, got: {error}") from None
        for call in calls if isinstance(calls, list) else [calls]:
            if not isinstance(call, dict):
                raise DataError(f"value: expected the JSON of a call, got {value[:40]!r}")
            transcript.call(turn, "assistant", field(call, "name", str), call.get("arguments"))
    else:
        raise DataError(f"from: expected one of {', '.join((*SPEAKERS, 'function_call', *RESULTS))}, got {speaker!r}")
