"""Chat messages as OpenAI's interface and fine-tuning files have them: {"messages": [...], ...}, or the list alone."""

from collections.abc import Iterator
from typing import Any

from understudy.logs.access import field
from understudy.logs.known import known_fields
from understudy.logs.messages import add_messages
from understudy.logs.run import Run
from understudy.logs.transcript import Transcript


def matches(content: Any) -> bool:
    """Whether it looks like a conversation."""
    if isinstance(content, dict):
        return isinstance(content.get("messages"), list)
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(each, dict) and "role" in each for each in content)
    )


def read(content: Any) -> Iterator[Run]:
    """One run; task, outcome and the like where the record says (`known_fields`)."""
    record = {"messages": content} if isinstance(content, list) else content
    transcript = Transcript()
    add_messages(transcript, field(record, "messages", list))
    yield transcript.run("openai_chat", **known_fields(record, transcript.notes))
