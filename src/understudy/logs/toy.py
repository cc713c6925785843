"""Conversations at the order desk of a shop that is not there: logs to try things with, whose rules are known.

toy_records(...)        -- OpenAI chat records, one a run
write_toy_logs(path, ...) -- the same as JSON Lines

A customer wants an order cancelled, refunded or tracked. The agent looks up the customer by e-mail, then the order, and both
orders at once where there are two. By the rules it cancels what has not been shipped, refunds what was delivered in the last 30
days, refuses politely what neither allows, and says goodbye. An agent that errs does what it should refuse, or refuses what it
should do, and the run has failed.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.utils.atomic import replace_file

POLICY = (
    "You work at an order desk. Look up the customer, then the order. Cancel an order only while it is pending. Refund it only "
    "when it was delivered at most 30 days ago. Otherwise refuse politely. Answer questions about orders. Then say goodbye."
)
NAMES = ("ada", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "ines", "jon", "kim", "lara")
STATUSES = ("pending", "shipped", "delivered")
WISHES = ("cancel", "refund", "track")
REFUND_DAYS = 30
OPENINGS = {
    "cancel": ("Please cancel my order {order}.", "I no longer want {order}, can you cancel it?"),
    "refund": ("I want my money back for {order}.", "Can I get a refund for order {order}?"),
    "track": ("Where is my order {order}?", "Has {order} been sent yet?"),
}


@dataclass(frozen=True)
class Task:
    """What a customer wants, and what is true: `days` since the delivery; `two` where a second order is asked about too."""

    number: int
    customer: str
    wish: str
    status: str
    days: int
    two: bool

    @property
    def orders(self) -> list[str]:
        return [f"#{1000 + 2 * self.number + place}" for place in range(1 + self.two)]

    @property
    def allowed(self) -> bool:
        """Whether the rules let the agent do what is wanted."""
        recent = self.status == "delivered" and self.days <= REFUND_DAYS
        return {"cancel": self.status == "pending", "refund": recent, "track": True}[self.wish]


def toy_records(*, num_runs: int, num_tasks: int, error_rate: float, agent: str, seed: int) -> Iterator[dict[str, Any]]:
    """Records with `messages`, `id`, `task`, `group` (the customer), `domain`, `agent` and `outcome`.

    Args:
        num_runs: runs, which take the tasks in turns.
        num_tasks: different tasks; the same for every agent and number of runs.
        error_rate: probability that a run of a task in which something is to be decided goes wrong.
        agent: its name.
        seed: of tasks and runs.
    """
    tasks = [_task(number, random.Random(f"{seed} task {number}")) for number in range(num_tasks)]
    for run in range(num_runs):
        task, generator = tasks[run % num_tasks], random.Random(f"{seed} {agent} {run}")
        errs = task.wish != "track" and generator.random() < error_rate
        yield {
            "id": f"{agent}-{run}",
            "task": f"{task.wish}-{task.number}",
            "group": task.customer,
            "domain": "orders",
            "agent": agent,
            "outcome": float(not errs),
            "messages": _Desk(task, generator).messages(errs),
        }


def write_toy_logs(path: Path, *, num_runs: int, num_tasks: int, error_rate: float, agent: str, seed: int) -> None:
    """Write `toy_records` to a file of JSON Lines."""
    with replace_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        for record in toy_records(
            num_runs=num_runs, num_tasks=num_tasks, error_rate=error_rate, agent=agent, seed=seed
        ):
            file.write(json.dumps(record, sort_keys=True) + "\n")


def _task(number: int, generator: random.Random) -> Task:
    return Task(
        number,
        customer=generator.choice(NAMES),
        wish=generator.choice(WISHES),
        status=generator.choice(STATUSES),
        days=generator.randrange(1, 61),
        two=generator.random() < 0.25,
    )


class _Desk:
    """One conversation, written message by message."""

    def __init__(self, task: Task, generator: random.Random) -> None:
        self.task, self.generator = task, generator
        self.said: list[dict[str, Any]] = [{"role": "system", "content": POLICY}]
        self.calls = 0

    def messages(self, errs: bool) -> list[dict[str, Any]]:
        task, email = self.task, f"{self.task.customer}@example.com"
        wish = self.generator.choice(OPENINGS[task.wish]).format(order=" and ".join(task.orders))
        if self.generator.random() < 0.5:
            self._say("user", f"{wish} I am {email}.")
        else:
            self._say("user", wish)
            self._say("assistant", "Happy to help. What is your e-mail address?")
            self._say("user", email)
        self._call("find_customer", [{"email": email}], [{"customer": task.customer}])
        order = {"status": task.status} | ({"days_since_delivery": task.days} if task.status == "delivered" else {})
        self._call("get_order", [{"order": each} for each in task.orders], [order for _ in task.orders])
        self._decide(task.allowed != errs)
        self._say("user", self.generator.choice(("Thanks, that is all.", "Thank you, bye.")))
        self._say("assistant", "You are welcome. Goodbye!")
        return self.said

    def _decide(self, does: bool) -> None:
        task = self.task
        if task.wish == "track":
            self._say("assistant", f"It is {task.status}.")
        elif does:
            orders = [{"order": each} for each in task.orders]
            self._call(f"{task.wish}_order", orders, [{"done": True} for _ in orders])
            self._say("assistant", {"cancel": "It is cancelled.", "refund": "You will get your money back."}[task.wish])
        else:
            self._say("assistant", f"I am sorry, I cannot {task.wish} it: it is {task.status}.")

    def _say(self, role: str, content: str) -> None:
        self.said.append({"role": role, "content": content})

    def _call(self, tool: str, arguments: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        """One turn with calls of one tool, and what they return."""
        ids = [f"call_{self.calls + number}" for number in range(len(arguments))]
        self.calls += len(arguments)
        functions = [{"name": tool, "arguments": json.dumps(each)} for each in arguments]
        calls = [{"id": name, "type": "function", "function": each} for name, each in zip(ids, functions, strict=True)]
        self.said.append({"role": "assistant", "content": None, "tool_calls": calls})
        for name, result in zip(ids, results, strict=True):
            self.said.append({"role": "tool", "tool_call_id": name, "content": json.dumps(result)})
