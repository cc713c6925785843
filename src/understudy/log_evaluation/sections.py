"""The report on logs: its sections, in which every text of a log is plain text.

LogOutcome         -- all that they are made of
log_sections(found) -- in their order
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from understudy.log_evaluation.acts import Act
from understudy.log_evaluation.attention import attention_chart, chart_size, most_looked_at
from understudy.log_evaluation.behaviour import Behaviour
from understudy.log_evaluation.surprise import OddStep
from understudy.log_evaluation.table import choice_rows, success_rows
from understudy.report.page import Section, card, details, note, table
from understudy.report.svg import inline

EXCERPT = 200  # characters of a text that are shown
LOOPS = 20  # that are listed


@dataclass(frozen=True)
class Attended:
    """What a policy looked at in one run: the run's number among those of the test, and weights (T, T)."""

    episode: int
    weights: np.ndarray


@dataclass(frozen=True)
class LogOutcome:
    """What judging on logs has left.

    Attributes:
        summary: metrics/summary.json.
        baseline, success_baseline: as log_evaluation names them.
        behaviours: by "learned from" and "test".
        acts, names: of the runs of each, what was done and what a run is called.
        odd: by policy, steps of the test.
        attended: by policy that attends, runs of the test.
        texts: of the logs, by number.
    """

    summary: Mapping[str, Mapping[str, Any]]
    baseline: str
    success_baseline: str
    behaviours: Mapping[str, Behaviour]
    acts: Mapping[str, Sequence[Sequence[Act]]]
    names: Mapping[str, Sequence[str]]
    odd: Mapping[str, Sequence[OddStep]]
    attended: Mapping[str, Sequence[Attended]]
    texts: Sequence[str]

    def excerpt(self, number: int | None) -> str:
        """The beginning of a text, in one line."""
        text = "" if number is None else " ".join(self.texts[number].split())
        return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} ..."


def log_sections(found: LogOutcome) -> list[Section]:
    """Choices, success, odd steps, loops, agreement, and what was looked at."""
    choices, success = choice_rows(found.summary, found.baseline), success_rows(found.summary, found.success_baseline)
    return [
        Section("What comes next", table(choices[0], choices[1:])),
        Section("Will the run succeed", table(success[0], success[1:])),
        Section("Odd steps", _odd(found)),
        Section("Loops", _loops(found)),
        Section("The same again", _agreement(found)),
        Section("What a prediction looked at", _attention(found)),
    ]


def _odd(found: LogOutcome) -> str:
    parts = [note("Decisions of the test that a policy, from its first training seed, expected least.")]
    header = ("run", "decision", "heard before", "did", "with", "p", "expected", "p", "nats")
    for policy, steps in found.odd.items():
        rows = []
        for odd in steps:
            act = found.acts["test"][odd.episode][odd.decision]
            run, heard, content = found.names["test"][odd.episode], found.excerpt(act.heard), found.excerpt(act.content)
            chances = (f"{odd.chance:.4f}", odd.expected, f"{odd.expected_chance:.2f}", f"{odd.surprise:.2f}")
            rows.append((run, odd.decision, heard, odd.done, content, *chances))
        parts.append(details(policy, table(header, rows, "facts")))
    return "".join(parts)


def _loops(found: LogOutcome) -> str:
    """Those that cover most steps."""
    rows = []
    for where, behaviour in found.behaviours.items():
        for episode, loops in enumerate(behaviour.loops):
            for loop in loops:
                acts = found.acts[where][episode][loop.start : loop.start + loop.period]
                did = ", ".join(f"{act.name} {found.excerpt(act.content)}" for act in acts)
                rows.append((loop.period * loop.times, where, found.names[where][episode], loop.start, loop.times, did))
    rows.sort(key=lambda row: -row[0])
    shown = table(("steps", "of", "run", "from decision", "times", "what"), rows[:LOOPS], "facts")
    return note("The same calls with the same arguments, or the same words, again and again.") + shown


def _agreement(found: LogOutcome) -> str:
    numbers = {where: each.to_json() for where, each in found.behaviours.items()}
    keys = list(next(iter(numbers.values())))
    rows = [(where, *(_number(of[key]) for key in keys)) for where, of in numbers.items()]
    return table(("runs", *(key.replace("_", " ") for key in keys)), rows) + note(
        "Same prefix: how often decisions of one task that follow the same choices are the same. Run agreement: how much of two"
        " runs of one task is common to both, in order."
    )


def _attention(found: LogOutcome) -> str:
    if not found.attended:
        return note("No policy attends to earlier steps.")
    parts = [note("The last layer's attention, from each decision to itself and to those before it.")]
    for policy, runs in found.attended.items():
        for each in runs:
            parts.append(_attended(found, policy, each))
    return "".join(parts)


def _attended(found: LogOutcome, policy: str, attended: Attended) -> str:
    acts, heading = found.acts["test"][attended.episode], f"{policy}: run {found.names['test'][attended.episode]}"
    names = [act.name for act in acts]
    drawn = partial(attention_chart, weights=attended.weights, names=names)
    rows = [
        (step, found.excerpt(act.heard), names[step], most_looked_at(attended.weights, names, step))
        for step, act in enumerate(acts)
    ]
    words = table(("decision", "heard before", "did", "looked at"), rows, "facts")
    return card(heading, inline(drawn, chart_size(len(acts)), f"attention of {heading}")) + details("in words", words)


def _number(value: float | int | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
