"""Folds judged together: each run is judged once, by what has learned from the other folds.

Fold                               -- its runs, and what everybody said of them
summarise_folds(folds, params)     -- {"decoder": {...}, ...}, JSON-ready
agreement_of_logs(folds)           -- how alike the logged runs of a task are

Choices have other numbers in each fold, since each knows the tools of its own training runs; so right and wrong are pooled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.log_evaluation.consistency import run_agreement, same_prefix
from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.metrics import SHARES, right_choices, success
from understudy.log_evaluation.predictions import Predictions
from understudy.log_evaluation.runs import JudgedRuns
from understudy.log_evaluation.success import SuccessJudge
from understudy.params.log_evaluation import LogEvaluationParams

PREFIX = ("same_prefix", "prefix_pairs")


@dataclass(frozen=True)
class Fold:
    """The runs that were left out, and predictions of their choices by name; tasks are in no other fold."""

    runs: JudgedRuns
    said: Mapping[str, Predictions]


def summarise_folds(folds: Sequence[Fold], params: LogEvaluationParams) -> dict[str, dict[str, Any]]:
    """Accuracies and success of everybody over the runs of all folds; differences from the baselines that `params` names.

    `success_auroc_half_folds` and `success_auroc_whole_folds` have a number a fold, None where its runs all ended alike;
    `same_prefix` says how often the same choices are followed by the same likeliest choice, in runs of one task.
    """
    tasks = _pooled_tasks(folds)
    steps = np.concatenate([np.repeat(of, np.diff(fold.runs.offsets)) for of, fold in zip(tasks, folds, strict=True)])
    bootstrap = TaskBootstrap(steps, params.resamples, params.confidence, params.seed)
    outcomes = np.concatenate([fold.runs.outcomes for fold in folds])
    judge = SuccessJudge(outcomes, np.concatenate(tasks), bootstrap)
    counted = {"accuracy": np.ones(len(steps), bool), "tool_accuracy": np.concatenate([f.runs.is_tool for f in folds])}
    names = list(folds[0].said)
    right = {
        name: np.concatenate([right_choices(fold.said[name].logits, fold.runs) for fold in folds])[None]
        for name in names
    }
    summary = {}
    for name in names:
        entry: dict[str, Any] = {"decisions": len(steps)}
        for number, these in counted.items():
            spans = {
                number: bootstrap.share(right[name], these),
                f"{number}_difference": bootstrap.difference(right[name], right[params.baseline], these),
            }
            entry[number] = float(right[name][:, these].mean())
            entry[f"{number}_difference"] = entry[number] - float(right[params.baseline][:, these].mean())
            for key, span in spans.items():
                entry |= {f"{key}_ci_low": span.low, f"{key}_ci_high": span.high}
        summary[name] = entry | _success(folds, name, params.success_baseline, judge) | _consistency(folds, name)
    return summary


def agreement_of_logs(folds: Sequence[Fold]) -> dict[str, Any]:
    """Of the logged choices: `same_prefix`, and `run_agreement` of two runs of a task, means over the pairs of all folds."""
    alike = [run_agreement(fold.runs) for fold in folds]
    pairs = sum(each.pairs for each in alike)
    mean = sum((each.share or 0.0) * each.pairs for each in alike) / pairs if pairs else None
    return _same_prefix(folds, [fold.runs.labels for fold in folds]) | {"run_agreement": mean, "run_pairs": pairs}


def _pooled_tasks(folds: Sequence[Fold]) -> list[np.ndarray]:
    """(E,) numbers of tasks of each fold, no two folds sharing one."""
    starts = np.cumsum([0, *(len(fold.runs.task_names) for fold in folds)])
    return [fold.runs.tasks + start for fold, start in zip(folds, starts[:-1], strict=True)]


def _success(folds: Sequence[Fold], name: str, baseline: str, judge: SuccessJudge) -> dict[str, Any]:
    if any(fold.said[one].values is None for fold in folds for one in (name, baseline)):
        return {}
    entry: dict[str, Any] = {}
    for when, share in SHARES.items():
        told, others = (_values(folds, one, share) for one in (name, baseline))
        found = judge.describe(np.concatenate(told)[None], np.concatenate(others)[None])
        for key, value in found.items():
            score, _, rest = key.partition("_")
            entry[f"success_{score}_{when}" + (f"_{rest}" if rest else "")] = value
        by_fold = [success(values, fold.runs)[0] for values, fold in zip(told, folds, strict=True)]
        entry[f"success_auroc_{when}_folds"] = by_fold
    return entry


def _values(folds: Sequence[Fold], name: str, share: float) -> list[np.ndarray]:
    found = []
    for fold in folds:
        values = fold.said[name].values
        assert values is not None
        found.append(values[fold.runs.places(share)])
    return found


def _consistency(folds: Sequence[Fold], name: str) -> dict[str, Any]:
    return _same_prefix(folds, [fold.said[name].logits.argmax(axis=1) for fold in folds])


def _same_prefix(folds: Sequence[Fold], chosen: Sequence[np.ndarray]) -> dict[str, Any]:
    found = [same_prefix(each, fold.runs) for each, fold in zip(chosen, folds, strict=True)]
    pairs = sum(each.pairs for each in found)
    mean = sum((each.share or 0.0) * each.pairs for each in found) / pairs if pairs else None
    return dict(zip(PREFIX, (mean, pairs), strict=True))
