"""Results of tau2-bench: {"info": ..., "tasks": [...], "simulations": [{"task_id": ..., "messages": [...], ...}, ...]}.

The policy is said to the agent before the messages, and so is the ticket where nobody plays the user. Users call tools too.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, as_number, field, label, mappings, optional
from understudy.logs.messages import add_messages
from understudy.logs.run import Run
from understudy.logs.transcript import Transcript, attempted

NO_USER = "dummy_user"
IDENTITY = re.compile(r"\b[a-z]+_[a-z]+_\d{4}\b")  # a customer's, who is called so


def matches(content: Any) -> bool:
    """Whether it has simulations."""
    return isinstance(content, dict) and isinstance(content.get("simulations"), list)


def read(content: Any) -> Iterator[Run | DataError]:
    """One run a simulation; the group is the customer. Of a bad one its error."""
    info = field(content, "info", dict)
    tasks = {label(task.get("id")): task for task in mappings(content, "tasks")}
    identities = _identities(content)
    for number, simulation in enumerate(mappings(content, "simulations")):
        task = tasks.get(label(simulation.get("task_id")), {})
        yield attempted(f"simulations[{number}]", partial(_simulation, info, task, simulation, identities))


def _simulation(info: Content, task: Content, simulation: Content, identities: set[str]) -> Run:
    environment, user = _inner(info, "environment_info"), _inner(info, "user_info")
    transcript = Transcript()
    transcript.say(-1, "system", optional(environment, "policy", str) or "")
    if user.get("implementation") == NO_USER:
        transcript.say(-1, "environment", optional(task, "ticket", str) or "")
    add_messages(transcript, field(simulation, "messages", list))
    return transcript.run(
        "tau2_bench",
        ended=label(simulation.get("termination_reason")),
        name=label(simulation.get("id")),
        task=label(simulation.get("task_id")),
        group=_customer(task, identities),
        domain=label(environment.get("domain_name")),
        agent=label(_inner(info, "agent_info").get("llm")),
        outcome=as_number(_inner(simulation, "reward_info").get("reward")),
        metadata={"trial": simulation.get("trial"), "user": user.get("implementation")},
    )


def _customer(task: Content, identities: set[str]) -> str | None:
    """The user's id in what is to be done, or in what the user is told of itself; else the one id of the file with that name."""
    actions = _inner(task, "evaluation_criteria").get("actions")
    wanted = [_inner(each, "arguments").get("user_id") for each in actions or [] if isinstance(each, dict)]
    told = _inner(_inner(task, "user_scenario"), "instructions").get("known_info")
    words = set(re.findall(r"\w+", told.lower())) if isinstance(told, str) else set()
    namesakes = [each for each in identities if words.issuperset(each.split("_")[:2])]
    sure = [*wanted, *sorted(words & identities), *(namesakes if len(namesakes) == 1 else [])]
    return next((each for each in sure if isinstance(each, str)), None)


def _identities(content: Content) -> set[str]:
    """All customers' ids that a file mentions: a task may give a name alone, and an agent look up another customer."""
    return {found[0] for text in _texts(content) for found in IDENTITY.finditer(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)


def _inner(content: Any, name: str) -> Mapping[str, Any]:
    """An object in an object, empty where there is none."""
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, dict) else {}
