"""Stage evaluate_log_retrieval: which of a hundred replies comes next. Writes metrics/retrieval.json."""

from pathlib import Path

import numpy as np

from understudy.embeddings.vectors import read_vectors
from understudy.log_evaluation.retrieval import judge_retrieval, replies_in
from understudy.log_evaluation.splits import read_splits
from understudy.logs.parquet import read_logs
from understudy.logs.selection import select_runs, training_runs
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

LOGS = Path("data/logs")


def work(runs: RunParams, sequences: SequenceParams, log_evaluation: LogEvaluationParams) -> None:
    logs, vectors = read_logs(LOGS), read_vectors(Path("data/embeddings"), LOGS / "texts.parquet")
    selection = select_runs(logs.episodes, runs, sequences.seed)
    training = training_runs(logs.episodes, selection, sequences)
    members = {"train": training, "validation": np.setdiff1d(selection.learning, training), "test": selection.test}
    splits = read_splits(Path("data/raw"), Path("data/test"), sequences)
    found = judge_retrieval(
        {split: replies_in(logs, chosen) for split, chosen in members.items()},
        {split: splits[split][0].steps["observation"] for split in members},
        vectors,
        logs.texts["content"].to_pylist(),
        log_evaluation.seed,
    )
    write_json(Path("metrics/retrieval.json"), {name: dict(numbers) for name, numbers in found.items()})
    for name, each in found.items():
        print(f"{name}: R@1 {each['r_at_1']:.3f}, R@5 {each['r_at_5']:.3f}, MRR {each['mrr']:.3f}")


if __name__ == "__main__":
    run_stage(work, __doc__)
