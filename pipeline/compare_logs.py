"""Stage compare_logs: policies beside baselines on the test of logs. Writes metrics: a summary, two tables, a figure."""

from pathlib import Path

from understudy.log_evaluation.figure import draw
from understudy.log_evaluation.predictions import read_predictions
from understudy.log_evaluation.runs import read_runs
from understudy.log_evaluation.table import Judged, format_success, format_table, summarise
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file, replace_folder
from understudy.utils.jsonfile import read_json, write_json

EVALUATION = Path("data/evaluation")


def work(policies: PoliciesParams, training: TrainingParams, log_evaluation: LogEvaluationParams) -> None:
    test = Path("data/test")
    runs = read_runs(test, read_recording(test))
    folders = {path.name: [path] for path in sorted((EVALUATION / "baselines").iterdir()) if path.is_dir()}
    folders |= {name: [EVALUATION / name / f"seed_{seed}" for seed in training.seeds] for name in policies.names}
    found = {name: read_judged(each) for name, each in folders.items()}
    summary = summarise(found, runs, log_evaluation)
    write_json(Path("metrics/summary.json"), summary)
    table = format_table(summary, log_evaluation.baseline)
    with replace_folder(Path("metrics/figures")) as folder:
        draw(summary, policies.names, folder / "results.png")
    success = format_success(summary, log_evaluation.success_baseline)
    for name, text in (("results", table), ("success", success)):
        with replace_file(Path(f"metrics/{name}.md")) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    print(table, success, sep="\n", end="")


def read_judged(folders: list[Path]) -> Judged:
    """What evaluations of one policy or baseline have left, a folder a training seed."""
    told = [read_predictions(folder)["test"] for folder in folders]
    values = [each.values for each in told if each.values is not None]
    return Judged([read_json(folder / "metrics.json") for folder in folders], [each.logits for each in told], values)


if __name__ == "__main__":
    run_stage(work, __doc__)
