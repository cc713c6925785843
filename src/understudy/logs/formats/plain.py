"""Columns of one run: {"states": [...], "actions": [...], "rewards": [...], "agent_ids": [...], "metadata": {...}}.

A state is what was seen before the action of the same place: state t is turn 2t, action t turn 2t+1. An action is a text, or an
object with `tool` or `name` and `arguments`, `args`, `input` or `parameters`. Anything else of either is kept as JSON; what is
null or empty, and what else an object with a tool holds, is left out and counted. Where nothing tells the outcome, it is the sum
of the rewards.
"""

from collections.abc import Iterator
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, as_number, field, label, optional, to_json
from understudy.logs.known import known_fields
from understudy.logs.run import Part, Run
from understudy.logs.transcript import Transcript

TOOLS = ("tool", "name")
ARGUMENTS = ("arguments", "args", "input", "parameters")
EMPTY_STATES = "states without content, left out"
EMPTY_ACTIONS = "actions without content, left out"
UNREAD = "fields of actions that nothing is made of, left out"


def matches(content: Any) -> bool:
    """Whether it has states and actions."""
    return isinstance(content, dict) and "states" in content and "actions" in content


def read(content: Any) -> Iterator[Run]:
    """One run.

    Raises:
        DataError: the lists are not of one length, a reward is no number, or a tool's arguments are neither an object nor text.
    """
    states, actions = field(content, "states", list), field(content, "actions", list)
    rewards = _column(content, "rewards", len(actions))
    actors = _column(content, "agent_ids", len(actions))
    if len(states) not in (len(actions), len(actions) + 1):
        raise DataError(f"states: expected {len(actions)}, one an action, or one more, got {len(states)}")
    transcript = Transcript()
    for place, state in enumerate(states):
        before = len(transcript.parts)
        transcript.say(2 * place, "environment", _text(state))
        transcript.notes[EMPTY_STATES] += len(transcript.parts) == before
        if place < len(actions):
            _act(transcript, place, actions[place], label(actors[place]), rewards[place])
    known = known_fields(content, transcript.notes)
    paid = [each for each in map(as_number, rewards) if each is not None]
    if known["outcome"] is None and paid:
        known["outcome"] = as_number(sum(paid))
    yield transcript.run("plain", **known)


def _column(content: Content, name: str, length: int) -> list[Any]:
    values = optional(content, name, list)
    if values is None:
        return [None] * length
    if len(values) != length:
        raise DataError(f"{name}: expected {length}, one an action, got {len(values)}")
    return values


def _act(transcript: Transcript, place: int, action: Any, actor: str | None, reward: Any) -> None:
    paid, turn = as_number(reward), 2 * place + 1
    if reward is not None and paid is None:
        raise DataError(f"rewards[{place}]: expected a finite number, got {str(reward)[:40]}")
    try:
        tool, arguments, unread = _called(action) if isinstance(action, dict) else (None, None, 0)
    except DataError as error:
        raise DataError(f"actions[{place}]: {error}") from None
    if tool is not None:
        decoded = transcript.as_arguments(arguments)
        transcript.parts.append(
            Part(turn, "assistant", "tool_call", actor or "assistant", tool=tool, arguments=decoded, reward=paid)
        )
        transcript.notes[UNREAD] += unread
        return
    before = len(transcript.parts)
    transcript.say(turn, "assistant", _text(action), actor, reward=paid)
    transcript.notes[EMPTY_ACTIONS] += len(transcript.parts) == before


def _called(action: Content) -> tuple[str | None, Any, int]:
    """The tool that an action calls, None where it calls none; its arguments; and how many of its fields are neither."""
    tool = next((name for name in TOOLS if label(action.get(name)) is not None), None)
    if tool is None:
        return None, None, 0
    given = next((name for name in ARGUMENTS if action.get(name) is not None), None)
    unread = sum(value is not None and name not in (tool, given) for name, value in action.items())
    arguments = None if given is None else field(action, given, dict, str)
    return label(action[tool]), arguments, unread


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value)
