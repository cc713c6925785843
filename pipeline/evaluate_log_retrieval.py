"""Stage evaluate_log_retrieval: which of a hundred replies comes next, by policies and by baselines.

Writes metrics: retrieval.json, retrieval.md; and data/found, how each policy counts beside the words.
"""

from pathlib import Path

import numpy as np

from understudy.embeddings.vectors import read_vectors
from understudy.errors import ParameterError
from understudy.log_evaluation.predictions import read_predictions
from understudy.log_evaluation.reply_table import format_ways, summarise_ways
from understudy.log_evaluation.reply_ways import Predicted, Searches, Split
from understudy.log_evaluation.splits import read_splits
from understudy.logs.parquet import read_logs
from understudy.logs.replies import replies_in
from understudy.logs.selection import select_runs, training_runs
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.policies import PoliciesParams
from understudy.params.runs import DecisionParams, RunParams
from understudy.params.sequences import SequenceParams
from understudy.params.training import TrainingParams
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file, replace_folder
from understudy.utils.jsonfile import write_json

LOGS, EVALUATION = Path("data/logs"), Path("data/evaluation")


def work(
    runs: RunParams,
    decisions: DecisionParams,
    sequences: SequenceParams,
    training: TrainingParams,
    policies: PoliciesParams,
    log_evaluation: LogEvaluationParams,
) -> None:
    if decisions.predicts != "reply":
        raise ParameterError(f"decisions.predicts: expected reply, got {decisions.predicts}")
    searches = read_searches(runs, sequences, log_evaluation)
    linear = searches.linear()
    found = {
        "words": [searches.judge(None, True)],
        "linear": [searches.judge(linear, False)],
        "linear and words": [searches.judge(linear, True)],
    }
    for name in policies.names:
        predicted = [read_predicted(EVALUATION / name / f"seed_{seed}") for seed in training.seeds]
        found[name] = [searches.judge(each, False) for each in predicted]
        found[f"{name} and words"] = [searches.judge(each, True) for each in predicted]
    with replace_folder(Path("data/found")) as folder:
        write_json(folder / "words.json", searches.words.describe())
        for name in policies.names:
            for seed, each in zip(training.seeds, found[f"{name} and words"], strict=True):
                write_json(folder / f"{name}_{seed}.json", {"weights": each.weights, "threshold": each.threshold})
    summary = summarise_ways(found, searches)
    write_json(Path("metrics/retrieval.json"), summary)
    table = format_ways(summary)
    with replace_file(Path("metrics/retrieval.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


def read_searches(runs: RunParams, sequences: SequenceParams, params: LogEvaluationParams) -> Searches:
    logs, vectors = read_logs(LOGS), read_vectors(Path("data/embeddings"), LOGS / "texts.parquet")
    selection = select_runs(logs.episodes, runs, sequences.seed)
    training = training_runs(logs.episodes, selection, sequences)
    members = {"train": training, "validation": np.setdiff1d(selection.learning, training), "test": selection.test}
    recordings = read_splits(Path("data/raw"), Path("data/test"), sequences)
    splits = {
        name: Split(replies_in(logs, members[name]), recording.steps["observation"], judged.step_tasks)
        for name, (recording, judged) in recordings.items()
    }
    return Searches(splits, vectors, logs.texts["content"].to_pylist(), params)


def read_predicted(folder: Path) -> Predicted:
    return {split: predictions.logits for split, predictions in read_predictions(folder).items()}


if __name__ == "__main__":
    run_stage(work, __doc__)
