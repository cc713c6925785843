"""Stage judge_strategies: the folds of strategies.py judged together. Writes metrics/strategies.json.

Nats that options and k-means take off the surprise of the logged choice, a mean over the decisions of all folds.
"""

from pathlib import Path

import numpy as np

from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.training import TrainingParams
from understudy.stage import run_stage
from understudy.utils.jsonfile import read_json, write_json

COMPARED = ("option", "k_means")


def work(log_evaluation: LogEvaluationParams, training: TrainingParams) -> None:
    folds = [read_json(Path(f"data/strategies/seed_{seed}.json")) for seed in training.seeds]
    gains = {name: [np.asarray(fold["gains"][name]) for fold in folds] for name in COMPARED}
    write_json(Path("metrics/strategies.json"), summarise(gains, [fold["tasks"] for fold in folds], log_evaluation))


def summarise(
    gains: dict[str, list[np.ndarray]], tasks: list[list[int]], params: LogEvaluationParams
) -> dict[str, dict[str, object]]:
    """Means with intervals over tasks, the means of folds, and how far the first is ahead of the second.

    Args:
        gains: of each decision of each fold, by what tells of the choice. tasks: of these, numbered in each fold anew.
    """
    numbered = [(fold, task) for fold, of in enumerate(tasks) for task in of]
    _, numbers = np.unique(np.asarray(numbered), axis=0, return_inverse=True)
    bootstrap = TaskBootstrap(numbers.ravel(), params.resamples, params.confidence, params.seed)
    pooled, every = {name: np.concatenate(gains[name])[None] for name in COMPARED}, np.ones(len(numbers), bool)
    found: dict[str, dict[str, object]] = {}
    for name, gain in pooled.items():
        interval = bootstrap.share(gain, every)
        found[name] = {"nats": float(gain.mean()), "ci_low": interval.low, "ci_high": interval.high}
        found[name]["folds"] = [float(each.mean()) for each in gains[name]]
    first, second = COMPARED
    apart = bootstrap.difference(pooled[first], pooled[second], every)
    mean = float(pooled[first].mean() - pooled[second].mean())
    found[f"{first} less {second}"] = {"nats": mean, "ci_low": apart.low, "ci_high": apart.high}
    return found


if __name__ == "__main__":
    run_stage(work, __doc__)
