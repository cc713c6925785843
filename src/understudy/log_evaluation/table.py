"""Policies beside baselines: means over training seeds, intervals over tasks.

summarise(found, runs, params) -- {"decoder": {...}, ...}, JSON-ready
format_table(summary, ...)     -- Markdown: choices
format_success(summary, ...)   -- Markdown: will the run succeed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.errors import ParameterError
from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.metrics import SHARES, right_choices
from understudy.log_evaluation.runs import JudgedRuns
from understudy.log_evaluation.success import SuccessJudge
from understudy.params.log_evaluation import LogEvaluationParams

COUNTED = ("accuracy", "tool_accuracy")
COLUMNS = {
    "accuracy": "accuracy",
    "tool_accuracy": "tool turns",
    "top_3": "top 3",
    "macro_f1": "macro F1",
    "coverage": "acts",
    "coverage_precision": "and is right",
    "calibration_error": "ECE",
    "surprise": "nats",
}
SUCCESS = {
    "success_auroc_half": "AUROC, half",
    "success_auroc_half_difference": "less that of {}",
    "success_auroc_whole": "whole",
    "success_auroc_whole_difference": "less that of {}",
    "success_brier_half": "Brier, half",
    "success_brier_whole": "whole",
}


@dataclass(frozen=True)
class Judged:
    """One policy or baseline, by training seed: metrics, logits (N, C) of the test, and values (N,), where it has any."""

    metrics: Sequence[Mapping[str, Any]]
    logits: Sequence[np.ndarray]
    values: Sequence[np.ndarray] = ()


def summarise(found: Mapping[str, Judged], runs: JudgedRuns, params: LogEvaluationParams) -> dict[str, dict[str, Any]]:
    """Means of each number over the seeds; intervals of accuracies and of their differences from the baseline's.

    Raises:
        ParameterError: log_evaluation.baseline is none of `found`, or success_baseline is none.
    """
    for key in ("baseline", "success_baseline"):
        if (name := getattr(params, key)) not in found:
            raise ParameterError(f"log_evaluation.{key}: expected one of {', '.join(found)}, got {name!r}")
    bootstrap = TaskBootstrap(runs.step_tasks, params.resamples, params.confidence, params.seed)
    counted = {"accuracy": np.ones(len(runs.labels), bool), "tool_accuracy": runs.is_tool}
    right = {name: np.stack([right_choices(logits, runs) for logits in each.logits]) for name, each in found.items()}
    summary = {}
    for name, each in found.items():
        entry = _means(each.metrics) | {"seeds": len(each.logits)}
        for number in COUNTED:
            if counted[number].any():
                interval = bootstrap.share(right[name], counted[number])
                entry |= {f"{number}_ci_low": interval.low, f"{number}_ci_high": interval.high}
                apart = bootstrap.difference(right[name], right[params.baseline], counted[number])
                means = [right[one][:, counted[number]].mean() for one in (name, params.baseline)]
                entry[f"{number}_difference"] = float(means[0] - means[1])
                entry |= {f"{number}_difference_ci_low": apart.low, f"{number}_difference_ci_high": apart.high}
        summary[name] = entry | _success(each.values, found[params.success_baseline].values, runs, bootstrap)
    return summary


def _success(
    values: Sequence[np.ndarray], others: Sequence[np.ndarray], runs: JudgedRuns, bootstrap: TaskBootstrap
) -> dict[str, Any]:
    """Numbers of success, their intervals, and differences from the baseline's; {} where either tells no outcome."""
    if not (len(values) and len(others)):
        return {}
    judge, entry = SuccessJudge(runs.outcomes, runs.tasks, bootstrap), {}
    for name, share in SHARES.items():
        places = runs.places(share)
        told = judge.describe(*(np.stack([each[places] for each in of]) for of in (values, others)))
        for key, value in told.items():
            score, _, rest = key.partition("_")
            entry[f"success_{score}_{name}" + (f"_{rest}" if rest else "")] = value
    return entry


def format_table(summary: Mapping[str, Mapping[str, Any]], baseline: str) -> str:
    """`choice_rows` as Markdown."""
    return markdown(choice_rows(summary, baseline))


def choice_rows(summary: Mapping[str, Mapping[str, Any]], baseline: str) -> list[list[str]]:
    """A header, then a row a policy or baseline, intervals in brackets, last the difference of tool turns from the baseline's."""
    rows = [["who", *COLUMNS.values(), f"tool turns less those of {baseline}"]]
    for name, entry in summary.items():
        cells = [format_number(entry, number) for number in COLUMNS]
        apart = "" if name == baseline else format_number(entry, "tool_accuracy_difference", "+.3f")
        rows.append([name, *cells, apart])
    return rows


def format_success(summary: Mapping[str, Mapping[str, Any]], baseline: str) -> str:
    """`success_rows` as Markdown."""
    return markdown(success_rows(summary, baseline))


def success_rows(summary: Mapping[str, Mapping[str, Any]], baseline: str) -> list[list[str]]:
    """A header, then a row each of those that say whether a run will succeed, with intervals."""
    rows = [["who", *(label.format(baseline) for label in SUCCESS.values())]]
    for name, entry in summary.items():
        if entry.get("success_auroc_half") is None:
            continue
        cells = []
        for number in SUCCESS:
            apart = number.endswith("difference")
            own = apart and name == baseline
            cells.append("" if own else format_number(entry, number, "+.3f" if apart else ".3f"))
        rows.append([name, *cells])
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table of cells, the first row its header; the first column is text, the others are numbers."""
    header, *others = rows
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _means(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each number's mean over the seeds; None where a seed has none."""
    return {
        key: None if any(each[key] is None for each in metrics) else float(np.mean([each[key] for each in metrics]))
        for key in metrics[0]
    }


def format_number(entry: Mapping[str, Any], number: str, form: str = ".3f") -> str:
    """A number with its interval where it has one; empty where it is unknown."""
    value = entry.get(number)
    if value is None:
        return ""
    text = f"{value:{form}}"
    low, high = entry.get(f"{number}_ci_low"), entry.get(f"{number}_ci_high")
    return text if low is None else f"{text} [{low:{form}}, {high:{form}}]"
