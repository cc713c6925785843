"""Results of tau-bench: [{"task_id": ..., "trial": ..., "reward": ..., "info": {"task": ...}, "traj": [messages]}, ...]."""

from collections.abc import Iterator
from typing import Any

from understudy.logs.access import as_number, field, label
from understudy.logs.messages import add_messages
from understudy.logs.run import Run
from understudy.logs.transcript import Transcript


def matches(content: Any) -> bool:
    """Whether it has a trajectory and its reward."""
    return isinstance(content, dict) and isinstance(content.get("traj"), list) and "reward" in content


def read(content: Any) -> Iterator[Run]:
    """One run, named by task and trial; the group is the customer, since tasks share customers."""
    transcript = Transcript()
    add_messages(transcript, field(content, "traj", list))
    task, trial = label(content.get("task_id")), label(content.get("trial"))
    info = content.get("info")
    customer = info.get("task") if isinstance(info, dict) else None
    yield transcript.run(
        "tau_bench",
        name=f"{task}/{trial}",
        task=task,
        group=label(customer.get("user_id")) if isinstance(customer, dict) else None,
        outcome=as_number(content.get("reward")),
        metadata={"trial": content.get("trial")},
    )
