"""A run while it is read: parts are added in order, results find their calls, and what had to be mended is counted.

Transcript          -- `say`, `call`, `result`, then `run`
attempted(place, ..)-- a run, or what is wrong with it, of a record that holds several
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import parse_json, to_json
from understudy.logs.run import ROLES, Part, Run, with_decisions

UNWRAPPED = "replies taken out of a wrapper"
LATER_FIELDS = "replies whose wrapper held more than the message, which follows it as JSON"
ORPHANED = "tool results without a call"
UNANSWERED = "tool calls without a result"
NOT_JSON = "arguments that are no JSON object, left as text"
EMPTY = "messages without content, left out"


class Transcript:
    """Parts of one run in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.notes: Counter[str] = Counter()
        self._waiting: dict[int, None] = {}  # places of the calls without a result, in order
        self._named: dict[str, deque[int]] = {}  # places of calls by the log's ids of them, which may be used again

    def say(self, turn: int, role: str, text: str, actor: str | None = None, kind: str = "text", **more: Any) -> None:
        """A text or thought; an assistant's is taken out of a wrapper such as {"message": ...}. An empty one is left out."""
        if role not in ROLES:
            raise DataError(f"role: expected one of {', '.join(ROLES)}, got {role!r}")
        if role == "assistant" and kind == "text":
            text = self._unwrapped(text)
        if text.strip():
            self.parts.append(Part(turn, role, kind, actor or _actor(role), text, **more))

    def call(
        self, turn: int, role: str, tool: str, arguments: Any, *, call_id: str | None = None, actor: str | None = None
    ) -> None:
        """A tool call by an assistant or a user; `arguments` are an object, its JSON as text, or None for none."""
        self._waiting[len(self.parts)] = None
        if call_id is not None:
            self._named.setdefault(call_id, deque()).append(len(self.parts))
        self.parts.append(
            Part(turn, role, "tool_call", actor or _actor(role), tool=tool, arguments=self.as_arguments(arguments))
        )

    def as_arguments(self, arguments: Any) -> str:
        """Arguments of a call as a part has them: an object, its JSON as text, or None for none; other text stays as it is."""
        if isinstance(arguments, str):
            try:
                decoded = parse_json(arguments) if arguments.strip() else {}
            except ValueError:
                decoded = None
            if not isinstance(decoded, dict):
                self.notes[NOT_JSON] += 1
                return arguments
            return to_json(decoded)
        return to_json({} if arguments is None else arguments)

    def result(
        self, turn: int, text: str, call_id: str | None = None, tool: str | None = None, error: bool | None = None
    ) -> None:
        """What a tool returned; it answers the call of this id, or without one the oldest that waits, of this tool if known."""
        place = self._answered(call_id, tool)
        if place is None:
            self.notes[ORPHANED] += 1
            self.parts.append(Part(turn, "tool", "tool_result", None, text, tool, error=error))
            return
        del self._waiting[place]
        call = self.parts[place]
        self.parts.append(Part(turn, "tool", "tool_result", call.actor, text, call.tool, None, place, error))

    def run(self, format: str, ended: str | None = None, **known: Any) -> Run:
        """The finished run.

        Raises:
            DataError: it has no parts.
        """
        if not self.parts:
            raise DataError("expected at least one message, got none")
        self.notes[UNANSWERED] += len(self._waiting)
        return Run(with_decisions(self.parts, ended), format, ended=ended, notes=+self.notes, **known)

    def _answered(self, call_id: str | None, tool: str | None) -> int | None:
        if call_id is None:
            return next((each for each in self._waiting if tool is None or self.parts[each].tool == tool), None)
        named = self._named.get(call_id, deque())
        while named and named[0] not in self._waiting:
            named.popleft()
        return named[0] if named else None

    def _unwrapped(self, text: str) -> str:
        """Of {"message": text} the text; what other fields such an object has follow as JSON, so that nothing is lost."""
        if not text.lstrip().startswith("{"):
            return text
        try:
            content = parse_json(text)
        except ValueError:
            return text
        if not (isinstance(content, dict) and isinstance(content.get("message"), str)):
            return text
        self.notes[UNWRAPPED] += 1
        message = content.pop("message")
        if not content:
            return message
        self.notes[LATER_FIELDS] += 1
        return f"{message}\n\n{to_json(content)}"


def _actor(role: str) -> str | None:
    return role if role in ("assistant", "user") else None


def attempted(place: str, read: Callable[[], Run]) -> Run | DataError:
    """What `read` gives, or the DataError that it raises, with the place before it: the runs beside a bad one are good."""
    try:
        return read()
    except DataError as error:
        return DataError(f"{place}: {error}")
