"""Columns of one run: {"states": [...], "actions": [...], "rewards": [...], "agent_ids": [...], "metadata": {...}}.

A state is what was seen before the action of the same place: state t is turn 2t, action t turn 2t+1. An action is a text, or an
object with `tool` or `name` and `arguments`. Anything else of either is kept as JSON.
"""

from collections.abc import Iterator
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, as_number, field, label, optional, to_json
from understudy.logs.known import known_fields
from understudy.logs.run import Part, Run
from understudy.logs.transcript import Transcript


def matches(content: Any) -> bool:
    """Whether it has states and actions."""
    return isinstance(content, dict) and "states" in content and "actions" in content


def read(content: Any) -> Iterator[Run]:
    """One run.

    Raises:
        DataError: the lists are not of one length, or a reward is no number.
    """
    states, actions = field(content, "states", list), field(content, "actions", list)
    rewards = _column(content, "rewards", len(actions))
    actors = _column(content, "agent_ids", len(actions))
    if len(states) not in (len(actions), len(actions) + 1):
        raise DataError(f"states: expected {len(actions)}, one an action, or one more, got {len(states)}")
    transcript = Transcript()
    for place, state in enumerate(states):
        if state is not None:
            transcript.say(2 * place, "environment", state if isinstance(state, str) else to_json(state))
        if place < len(actions):
            _act(transcript, place, actions[place], label(actors[place]), rewards[place])
    yield transcript.run("plain", **known_fields(content, transcript.notes))


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
    tool = label(action.get("tool", action.get("name"))) if isinstance(action, dict) else None
    if tool is not None:
        arguments = transcript.as_arguments(optional(action, "arguments", dict, str))
        transcript.parts.append(
            Part(turn, "assistant", "tool_call", actor or "assistant", tool=tool, arguments=arguments, reward=paid)
        )
    else:
        text = action if isinstance(action, str) else to_json(action)
        transcript.say(turn, "assistant", text, actor, reward=paid)
