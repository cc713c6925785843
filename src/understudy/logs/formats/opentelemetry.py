"""OpenTelemetry spans of OpenInference's or the GenAI conventions: what models were given and answered becomes runs.

A run is a conversation where spans name one, else a trace. Each call of a model holds the whole history again, so of every span
only what its agent has not been given before is new. What any agent answered, and what its calls returned, is there once, and is
that agent's, whoever is given it later. A span that is there again, by its id, is counted and left out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import as_number, label, to_json
from understudy.logs.conventions import Message, conversation
from understudy.logs.messages import add_message
from understudy.logs.run import Run
from understudy.logs.spans import Span, at, is_span, spans
from understudy.logs.transcript import Transcript

CONVERSATIONS = ("gen_ai.conversation.id", "session.id")
AGENTS = ("gen_ai.agent.name", "agent.name")
Placed = tuple[str, Span]  # where a span lies, and the span
MODELS = ("llm.model_name", "gen_ai.request.model", "gen_ai.response.model")
REPEATED = "spans that are there again, left out"
SCORED = "gen_ai.evaluation.result"


def matches(content: Any) -> bool:
    """Whether it is a span, or some."""
    return is_span(content)


def read(contents: list[Any], places: Sequence[str] | None = None) -> Iterator[Run | DataError]:
    """The runs of a file's spans, in the order of their first spans; of bad spans and runs their errors.

    Args:
        contents: spans, or OTLP's objects of some.
        places: where each lies, for errors; None for "record NUMBER".

    Raises:
        DataError: no span called a model.
    """
    runs: dict[str | None, list[Placed]] = {}
    for number, content in enumerate(contents):
        place = f"record {number + 1}" if places is None else places[number]
        try:
            if not is_span(content):
                raise DataError("expected a span, or OTLP's resourceSpans, got something else")
            for span in spans(content):
                runs.setdefault(_first(span, CONVERSATIONS) or span.trace, []).append((place, span))
        except DataError as error:
            yield DataError(f"{place}: {error}")
    found = False
    for name, each in runs.items():
        try:
            run = _run(name, each)
        except DataError as error:
            found = True
            yield error
            continue
        if run is not None:
            found = True
            yield run
    if not found:
        raise DataError("expected spans with the messages of a model, of OpenInference or gen_ai.*, found none")


def _run(name: str | None, placed: list[Placed]) -> Run | None:
    ordered, repeated = _once(placed)
    transcript, conventions, turn = Transcript(), set(), 0
    transcript.notes[REPEATED] += repeated
    seen: dict[str | None, Counter[str]] = {}
    shared: Counter[str] = Counter()
    for place, span in ordered:
        try:
            messages = conversation(span)
            if messages is None:
                continue
            convention, given, answered = messages
            conventions.add(convention)
            agent = _first(span, AGENTS)
            known = seen.setdefault(agent, Counter())
            for message in [*_new(given, known, shared), *answered]:
                _add(transcript, turn, message, agent)
                turn += 1
        except DataError as error:
            raise DataError(f"{place}: run {name}: {error}") from None
        for counted in (known, shared):
            counted.update(_key(message) for message in answered)
    if not conventions:
        return None
    about = _about([span for _, span in ordered])
    try:
        return transcript.run(
            "opentelemetry", name=name, **about, metadata={"convention": "+".join(sorted(conventions))}
        )
    except DataError as error:
        raise DataError(f"run {name}: {error}") from None


def _once(placed: list[Placed]) -> tuple[list[Placed], int]:
    """The spans by their start, each once, and how many there were again."""
    first: dict[Any, Placed] = {}
    for number, (place, span) in enumerate(placed):
        first.setdefault(number if span.span is None else (span.trace, span.span), (place, span))
    return sorted(first.values(), key=lambda each: each[1].start), len(placed) - len(first)


def _add(transcript: Transcript, turn: int, message: Message, agent: str | None) -> None:
    try:
        named = {"name": agent} if message.get("role") == "assistant" else {}
        add_message(transcript, turn, {key: value for key, value in message.items() if value is not None} | named)
    except DataError as error:
        raise DataError(f"message {turn}: {error}") from None


def _new(given: list[Message], known: Counter[str], shared: Counter[str]) -> list[Message]:
    """The messages that are not there yet, as often as they were given.

    Args:
        given: to an agent.
        known: what that agent was given or answered.
        shared: what any agent answered, and what calls with an id returned to any. Both are counted on from here.
    """
    here: Counter[str] = Counter()
    new = []
    for message in given:
        key = _key(message)
        here[key] += 1
        if here[key] > max(known[key], shared[key]):
            new.append(message)
        known[key] = max(known[key], here[key])
        if message.get("tool_call_id"):
            shared[key] = max(shared[key], here[key])
    return new


def _key(message: Message) -> str:
    """What makes a message the same again: instrumentations repeat an answer with other empty fields."""
    return to_json({key: value for key, value in message.items() if value})


def _about(ordered: list[Span]) -> dict[str, Any]:
    """What is said of a run: the first span that says it counts, and an outcome only where there is one."""
    scores = [score for span in ordered for score in _scores(span)]
    return {
        "agent": next((found for keys in (AGENTS, MODELS) for span in ordered if (found := _first(span, keys))), None),
        "group": next((found for span in ordered if (found := _first(span, ("user.id",)))), None),
        "outcome": scores[0] if len(scores) == 1 else None,
    }


def _scores(span: Span) -> list[float]:
    values = [as_number(at(event, "gen_ai.evaluation.score.value")) for name, event in span.events if name == SCORED]
    return [value for value in values if value is not None]


def _first(span: Span, paths: tuple[str, ...]) -> str | None:
    return next((found for path in paths if (found := label(at(span.attributes, path))) is not None), None)
