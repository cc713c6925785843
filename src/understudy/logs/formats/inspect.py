"""Evaluation logs of Inspect AI, versions 1 and 2, in its JSON form: {"version": 2, "eval": {...}, "samples": [...], ...}."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from understudy.errors import DataError
from understudy.logs.access import Content, as_number, field, label, mappings, optional
from understudy.logs.known import NO_NUMBER, known_fields
from understudy.logs.messages import add_messages
from understudy.logs.run import Run
from understudy.logs.transcript import Transcript, attempted

VERSIONS = (1, 2)
GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}  # correct, partly, incorrect, no answer
ATTACHED = "attachment://"  # long texts lie apart, under a hash


def matches(content: Any) -> bool:
    """Whether it is an evaluation with samples."""
    return isinstance(content, dict) and isinstance(content.get("eval"), dict) and "samples" in content


def read(content: Any) -> Iterator[Run | DataError]:
    """One run a sample and epoch; the outcome is the first score's, the others are in the metadata. Of a bad sample its error.

    Raises:
        DataError: the log is of another version, or malformed.
    """
    if content.get("version") not in VERSIONS:
        raise DataError(f"version: expected 1 or 2, got {content.get('version')!r}")
    about = field(content, "eval", dict)
    for number, sample in enumerate(mappings(content, "samples")):
        yield attempted(f"samples[{number}]", partial(_sample, about, sample))


def _sample(about: Content, sample: Content) -> Run:
    attachments = optional(sample, "attachments", dict) or {}
    transcript = Transcript()
    add_messages(transcript, [_whole(each, attachments) for each in field(sample, "messages", list)])
    scores = optional(sample, "scores", dict) or {}
    values = {name: score.get("value") for name, score in scores.items() if isinstance(score, dict)}
    first = next(iter(values.values()), None)
    outcome = GRADES.get(first) if isinstance(first, str) else as_number(first)
    transcript.notes[NO_NUMBER] += first is not None and outcome is None
    limit = optional(sample, "limit", dict) or {}
    known = known_fields(optional(sample, "metadata", dict) or {}, transcript.notes)
    known |= {
        "name": label(sample.get("uuid")) or f"{label(sample.get('id'))}/{label(sample.get('epoch'))}",
        "task": label(sample.get("id")),
        "domain": label(about.get("task")),
        "agent": label(about.get("model")),
        "outcome": outcome,
    }
    known["metadata"] |= {"epoch": sample.get("epoch"), "scores": values}
    return transcript.run("inspect", **(known | {"ended": label(limit.get("type"))}))


def _whole(value: Any, attachments: Content) -> Any:
    """A message with its attached texts in their places."""
    if isinstance(value, str) and value.startswith(ATTACHED):
        return attachments.get(value.removeprefix(ATTACHED), value)
    if isinstance(value, list):
        return [_whole(each, attachments) for each in value]
    if isinstance(value, dict):
        return {key: _whole(each, attachments) for key, each in value.items()}
    return value
