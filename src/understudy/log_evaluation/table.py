"""Policies beside baselines: means over training seeds, intervals over tasks.

summarise(found, runs, params) -- {"decoder": {...}, ...}, JSON-ready
format_table(summary)          -- Markdown
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.errors import ParameterError
from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.metrics import right_choices
from understudy.log_evaluation.runs import JudgedRuns
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
    "success_auroc_half": "success, half",
    "success_auroc_whole": "whole",
    "success_brier_half": "Brier, half",
    "success_brier_whole": "whole",
}


@dataclass(frozen=True)
class Judged:
    """One policy or baseline: metrics of each training seed, and logits (N, C) of the test by each."""

    metrics: Sequence[Mapping[str, Any]]
    logits: Sequence[np.ndarray]


def summarise(found: Mapping[str, Judged], runs: JudgedRuns, params: LogEvaluationParams) -> dict[str, dict[str, Any]]:
    """Means of each number over the seeds; intervals of accuracies and of their differences from the baseline's.

    Raises:
        ParameterError: log_evaluation.baseline is none of `found`.
    """
    if params.baseline not in found:
        raise ParameterError(f"log_evaluation.baseline: expected one of {', '.join(found)}, got {params.baseline!r}")
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
        summary[name] = entry
    return summary


def format_table(summary: Mapping[str, Mapping[str, Any]], baseline: str) -> str:
    """A row a policy or baseline, intervals in brackets, and last the difference of tool turns from the baseline's."""
    header = ["who", *COLUMNS.values(), f"tool turns less those of {baseline}"]
    rows = [header, ["---", *["---:"] * (len(header) - 1)]]
    for name, entry in summary.items():
        cells = [_cell(entry, number) for number in COLUMNS]
        rows.append([name, *cells, "" if name == baseline else _cell(entry, "tool_accuracy_difference", "+.3f")])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _means(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each number's mean over the seeds; None where a seed has none."""
    return {
        key: None if any(each[key] is None for each in metrics) else float(np.mean([each[key] for each in metrics]))
        for key in metrics[0]
    }


def _cell(entry: Mapping[str, Any], number: str, form: str = ".3f") -> str:
    value = entry.get(number)
    if value is None:
        return ""
    text = f"{value:{form}}"
    low, high = entry.get(f"{number}_ci_low"), entry.get(f"{number}_ci_high")
    return text if low is None else f"{text} [{low:{form}}, {high:{form}}]"
