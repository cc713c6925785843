"""Stage evaluate_log@NAME-SEED: a policy follows logged runs that nobody learned from. Writes data/evaluation/NAME/seed_SEED."""

from pathlib import Path

import torch

from understudy.log_evaluation.follow import follow
from understudy.log_evaluation.metrics import describe
from understudy.log_evaluation.predictions import SPLITS, write_predictions
from understudy.log_evaluation.splits import read_splits
from understudy.models.registry import POLICY
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.sequences import SequenceParams
from understudy.policies.files import load_trained
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json
from understudy.utils.provenance import check_origin

LOADS = (POLICY,)


def work(policy: str, seed: int, sequences: SequenceParams, log_evaluation: LogEvaluationParams) -> None:
    torch.set_num_threads(1)
    folder = Path("models") / policy / f"seed_{seed}"
    trained = load_trained(folder)
    check_origin(folder, trained.provenance, Path(f"data/columns/{policy}.json"))
    splits = read_splits(Path("data/raw"), Path("data/test"), sequences)
    predictions = {split: follow(trained, splits[split][0]) for split in SPLITS}
    said = f"{len(predictions['test'].logits)} replies predicted"
    with replace_folder(Path("data/evaluation") / policy / f"seed_{seed}") as target:
        write_predictions(target, predictions)
        if trained.task.discrete_actions:  # vectors of replies are judged by evaluate_log_retrieval
            metrics = describe(predictions, {split: splits[split][1] for split in SPLITS}, log_evaluation.precision)
            write_json(target / "metrics.json", metrics)
            tools = metrics["tool_accuracy"]
            said = f"accuracy {metrics['accuracy']:.3f}" + ("" if tools is None else f", of tools {tools:.3f}")
    print(f"{policy}, seed {seed}: {said}")


if __name__ == "__main__":
    run_stage(work, __doc__)
