"""Stage evaluate_log_baselines: what needs no policy predicts the same runs. Writes data/evaluation/baselines."""

from pathlib import Path

from understudy.log_evaluation.baselines import Steps, predict_baselines
from understudy.log_evaluation.metrics import describe
from understudy.log_evaluation.predictions import SPLITS, write_predictions
from understudy.log_evaluation.splits import read_splits
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.sequences import SequenceParams
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json


def work(sequences: SequenceParams, log_evaluation: LogEvaluationParams) -> None:
    splits = read_splits(Path("data/raw"), Path("data/test"), sequences)
    steps = {name: Steps(recording.steps["observation"], runs) for name, (recording, runs) in splits.items()}
    others = {split: steps[split] for split in SPLITS}
    found = predict_baselines(steps["train"], others, log_evaluation)
    runs = {split: splits[split][1] for split in SPLITS}
    with replace_folder(Path("data/evaluation/baselines")) as folder:
        for name, predictions in found.items():
            (folder / name).mkdir()
            write_predictions(folder / name, predictions)
            metrics = describe(predictions, runs, log_evaluation.precision)
            write_json(folder / name / "metrics.json", metrics)
            tools = metrics["tool_accuracy"]
            print(f"{name}: accuracy {metrics['accuracy']:.3f}" + ("" if tools is None else f", of tools {tools:.3f}"))


if __name__ == "__main__":
    run_stage(work, __doc__)
