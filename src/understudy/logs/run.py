"""A run of an agent as every reader gives it: what was said and done in order, and what is known of the run as a whole.

Part -- one thing said or done; a turn with parallel calls has several
Run  -- the parts, with task, group, outcome and agent

What a turn decided is named by one of its parts, its `decision`: the first tool that it calls, else its reply, else its thought.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import Any

from understudy.logs.access import to_json

ROLES = ("system", "user", "assistant", "tool", "environment")
KINDS = ("text", "thought", "tool_call", "tool_result", "finish")
ACTING = ("assistant", "user")  # roles that decide something; a user may call tools too
CUT_OFF = {"max_steps", "max_turns", "length", "timeout", "too_many_errors"}  # endings that nobody chose


@dataclass(frozen=True, slots=True)
class Part:
    """One thing said or done.

    Attributes:
        turn: place of the message in the log, from 0; -1 for what was said before it, such as a policy kept apart.
        role: one of ROLES.
        kind: one of KINDS.
        actor: name of the agent that acted; of a tool's result the one that called it; None of a system's text.
        text: what was said, thought or returned; None of a call.
        tool: of a call and its result the tool; of a text the agent that it is addressed to, where the log says.
        arguments: of a call, a JSON object with sorted keys, or the text that the log has in its place.
        answers: of a result, the place among the run's parts of the call that it answers; None of an orphaned one.
        error: of a result, whether the tool failed, where the log says.
        reward: as the log has it.
        decision: whether this part names what its turn decided.
    """

    turn: int
    role: str
    kind: str
    actor: str | None = None
    text: str | None = None
    tool: str | None = None
    arguments: str | None = None
    answers: int | None = None
    error: bool | None = None
    reward: float | None = None
    decision: bool = False


BESIDE_TEXT = tuple(each.name for each in fields(Part) if each.name != "text")


@dataclass(frozen=True)
class Run:
    """A whole run. What the log does not say is None.

    Attributes:
        parts: in order.
        format: the reader that read it.
        name: the log's name of the run.
        task: what was to be done.
        group: what must not be split, such as all runs of a customer.
        domain: the benchmark's or product's part.
        agent: who acted, such as a model.
        ended: the log's reason for the end.
        outcome: 1 success, 0 failure, or what else the log counts.
        metadata: what more it says, as JSON values.
        notes: what was mended or could not be recovered, with how often.
    """

    parts: tuple[Part, ...]
    format: str
    name: str | None = None
    task: str | None = None
    group: str | None = None
    domain: str | None = None
    agent: str | None = None
    outcome: float | None = None
    ended: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)

    def digest(self) -> str:
        """SHA-256 of all that the log says, in hexadecimal; UnicodeEncodeError where a text is no valid Unicode."""
        about = [self.name, self.task, self.group, self.domain, self.agent, self.outcome, self.ended, self.metadata]
        hashed = hashlib.sha256(to_json(about).encode())
        for part in self.parts:
            text = "" if part.text is None else part.text
            hashed.update(to_json([len(text), *(getattr(part, name) for name in BESIDE_TEXT)]).encode())
            hashed.update(text.encode())  # apart, since as JSON a long one would be copied once more
        return hashed.hexdigest()


def with_decisions(parts: list[Part], ended: str | None) -> tuple[Part, ...]:
    """The parts with `decision` set, and the text after which nothing comes as `finish`, unless the run was cut off.

    A turn that opens a run, such as a fixed greeting, answers nothing, and is no decision unless it calls a tool.
    """
    named = list(parts)
    if named and named[-1].kind == "text" and named[-1].role in ACTING and ended not in CUT_OFF:
        named[-1] = replace(named[-1], kind="finish")
    for place in _deciding(named):
        named[place] = replace(named[place], decision=True)
    return tuple(named)


def _deciding(parts: list[Part]) -> list[int]:
    """Places of the parts that name what a turn decided."""
    best: dict[tuple[int, str, str | None], int] = {}
    opening = next((part.turn for part in parts if part.role != "system"), None)
    for place, part in enumerate(parts):
        opens = part.turn == opening and part.kind != "tool_call"
        if part.role not in ACTING or part.kind == "tool_result" or opens:
            continue
        turn = (part.turn, part.role, part.actor)
        if turn not in best or _rank(part) < _rank(parts[best[turn]]):
            best[turn] = place
    return sorted(best.values())


def _rank(part: Part) -> int:
    return ("tool_call", "finish", "text", "thought").index(part.kind)
