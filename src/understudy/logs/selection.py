"""Which imported runs are learned from, and which are for the test.

select_runs(episodes, params, seed)  -- Selection
training_runs(episodes, selection, sequences) -- those of them that the sequences are to train on
labels(episodes, of)                 -- task or group of each run, as splits need them
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from understudy.errors import DataError
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams
from understudy.sequences.splits import split_groups

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Selection:
    """Places of runs among the imported ones, ascending.

    Attributes:
        learning: (L,) int64, to train on and to validate.
        test: (T,) int64.
    """

    learning: np.ndarray
    test: np.ndarray


def select_runs(episodes: pa.Table, params: RunParams, seed: int) -> Selection:
    """Divide the runs in which something was decided.

    Args:
        episodes: the table of imported runs.
        params: `runs:`.
        seed: of the groups that are drawn where test_tasks is a share.

    Raises:
        DataError: a task of the test has no run, or there is nothing left to learn from or to test on.
    """
    rows = episodes.select(["domain", "task", "agent", "num_decisions"]).to_pylist()
    domains = [row["domain"] or UNKNOWN for row in rows]
    counts = [
        row["num_decisions"] > 0 and (params.domains is None or domain in params.domains)
        for row, domain in zip(rows, domains, strict=True)
    ]
    if isinstance(params.test_tasks, dict):
        _check_tasks(params.test_tasks, {(domain, row["task"]) for row, domain in zip(rows, domains, strict=True)})
        of_test = [row["task"] in params.test_tasks.get(domain, ()) for row, domain in zip(rows, domains, strict=True)]
    else:
        groups = labels(episodes, "group")
        drawn = _draw({group for group, count in zip(groups, counts, strict=True) if count}, params.test_tasks, seed)
        of_test = [group in drawn for group in groups]
    by_tester = [row["agent"] in params.test_agents for row in rows]
    related = _related(labels(episodes, "group"), domains, of_test, params.test_tasks)
    everybody = not params.test_agents
    test = [count and task and (everybody or by) for count, task, by in zip(counts, of_test, by_tester, strict=True)]
    if not isinstance(params.test_tasks, dict) and any(counts) and not any(of_test):
        [group] = {group for group, count in zip(groups, counts, strict=True) if count}
        raise DataError(
            f"data/logs: expected runs of two groups or more, to learn from one and test on another, got {sum(counts)}, all of"
            f" the group {group!r}"
        )
    known = zip(counts, of_test, by_tester, related, strict=True)
    learning = [count and not (task or by or related) for count, task, by, related in known]
    for name, members in (("to learn from", learning), ("for the test", test)):
        if not any(members):
            raise DataError(f"data/logs: expected runs {name} among {len(rows)}, which `runs:` selects, got none")
    return Selection(np.flatnonzero(learning), np.flatnonzero(test))


def training_runs(episodes: pa.Table, selection: Selection, params: SequenceParams) -> np.ndarray:
    """Places (N,) int64 of the runs that build_sequences trains on: what is fitted before sees no other run."""
    learned = episodes.take(pa.array(selection.learning))
    groups = labels(learned, params.split_by or "group")
    training, _ = split_groups(groups, params.validation_fraction, params.demonstrations, params.seed)
    return selection.learning[training]


def labels(episodes: pa.Table, of: str) -> list[str]:
    """The task or the group of each run; a run without a group is grouped by its task, one without a task is alone."""
    rows = episodes.select(["episode", "domain", "task", "group"]).to_pylist()
    tasks = [
        f"run {row['episode']}" if row["task"] is None else f"{row['domain'] or UNKNOWN}/{row['task']}" for row in rows
    ]
    return tasks if of == "task" else [row["group"] or task for row, task in zip(rows, tasks, strict=True)]


def _check_tasks(wanted: dict[str, list[str]], there: set[tuple[str, str]]) -> None:
    for domain, tasks in wanted.items():
        for task in tasks:
            if (domain, task) not in there:
                raise DataError(f"runs.test_tasks.{domain}: expected tasks that a run is of, got {task!r}")


def _related(
    groups: list[str], domains: list[str], of_test: list[bool], wanted: float | dict[str, list[str]]
) -> list[bool]:
    """Runs of a domain for which no tasks are listed, and of a group that is tested: maybe a test's task under another id."""
    tested = {group for group, of in zip(groups, of_test, strict=True) if of}
    listed = wanted if isinstance(wanted, dict) else set(domains)
    return [domain not in listed and group in tested for group, domain in zip(groups, domains, strict=True)]


def _draw(groups: set[str], share: float, seed: int) -> set[str]:
    ordered = sorted(groups)
    count = min(max(1, round(share * len(ordered))), len(ordered) - 1)
    return set(np.random.default_rng(seed).permutation(np.asarray(ordered, object))[:count].tolist())
