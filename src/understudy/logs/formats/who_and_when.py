"""Who&When's failed runs of several agents: {"history": [...], "mistake_agent": ..., "mistake_step": ..., ...}.

Who spoke is `name`, or the first word of `role`, as in "Orchestrator (-> WebSurfer)". A turn is a place in the history, which
is what `mistake_step` counts.
"""

import re
from collections.abc import Iterator
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, field, label, mappings, optional
from understudy.logs.run import Run
from understudy.logs.transcript import EMPTY, Transcript

SPEAKER = re.compile(r"(?P<name>[^(]+?) *(?:\((?:-> *(?P<to>[^)]+)|(?P<aside>[^)]*))\))?")
LONGEST = 200  # of a name; what is longer is none, and would keep the pattern busy
TERMINALS = {"Computer_terminal", "ComputerTerminal"}  # they run code, and decide nothing
ABOUT = ("mistake_agent", "mistake_step", "mistake_reason", "ground_truth", "level")


def matches(content: Any) -> bool:
    """Whether it has a history and the agent that erred."""
    return isinstance(content, dict) and isinstance(content.get("history"), list) and "mistake_agent" in content


def read(content: Any) -> Iterator[Run]:
    """One run, which failed; who erred, where and why are in its metadata."""
    transcript = Transcript()
    for turn, entry in enumerate(mappings(content, "history")):
        try:
            _add(transcript, turn, entry)
        except DataError as error:
            raise DataError(f"history[{turn}]: {error}") from None
    question = label(content.get("question_ID"))
    metadata = {name: content[name] for name in ABOUT if name in content}
    by_name = isinstance(content.get("system_prompt"), dict)  # CaptainAgent writes its experts' prompts down
    yield transcript.run(
        "who_and_when",
        name=question,
        task=question,
        agent="CaptainAgent" if by_name else "Magentic-One",
        outcome=0.0,
        metadata=metadata,
    )


def _add(transcript: Transcript, turn: int, entry: Content) -> None:
    speaker = optional(entry, "name", str) or field(entry, "role", str)
    found = SPEAKER.fullmatch(speaker) if len(speaker) <= LONGEST else None
    if found is None:
        raise DataError(f"role: expected a name, and what it does in brackets, got {speaker[:LONGEST]!r}")
    name, text = found["name"], field(entry, "content", str)
    transcript.notes[EMPTY] += not text.strip()
    if name == "human":
        transcript.say(turn, "user", text, name)
    elif name in TERMINALS:
        transcript.say(turn, "environment", text, name)
    else:
        kind = "thought" if found["aside"] == "thought" else "text"
        transcript.say(turn, "assistant", text, name, kind, tool=found["to"])
