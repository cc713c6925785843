"""Stage compare: the verdict. Writes metrics/summary.json, the plots' data and figures, and prints the table."""

from pathlib import Path

from understudy.errors import DataError
from understudy.evaluation.score import EXPERT, RANDOM, Judged, differences, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.params import Params
from understudy.report.figures import write_figures
from understudy.report.plots import EXPERT_COLUMNS, STUDENT_COLUMNS, read_curve, write_plots
from understudy.report.table import describe_differences, describe_options, format_table
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json, write_json

EVALUATION, MODELS, METRICS = Path("data/evaluation"), Path("models"), Path("metrics")


def work(params: Params) -> None:
    judged = {name: Judged(read_recording(EVALUATION / name)) for name in (EXPERT, RANDOM)}
    for name, policy in params.policies.items():
        path = MODELS / name / "held_out.json"
        held_out = read_json(path)
        for key in ("action_accuracy", "change_accuracy"):
            if key not in held_out:
                raise DataError(f"{path}: expected a {key}, got none")
        shuffled = EVALUATION / name / "shuffled"
        judged[name] = Judged(
            read_recording(EVALUATION / name),
            held_out["action_accuracy"],
            held_out["change_accuracy"],
            read_recording(shuffled) if shuffled.exists() else None,
            policy.model_extra.get("num_options"),
        )
    comparison = params.comparison
    bootstrap = Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)
    summary, between = summarise(judged, bootstrap), differences(judged, comparison.differences, bootstrap)
    recordings = {name: each.recording for name, each in judged.items()}
    curves = {name: read_curve(MODELS / name / "learning_curve.csv", STUDENT_COLUMNS) for name in params.policies}
    expert_curve = read_curve(MODELS / EXPERT / "learning_curve.csv", EXPERT_COLUMNS)
    with replace_folder(METRICS / "plots") as folder:
        write_plots(folder, recordings, curves)
    with replace_folder(METRICS / "figures") as folder:
        write_figures(folder, summary, recordings, curves, expert_curve)
    write_json(METRICS / "summary.json", summary | ({"differences": between} if between else {}))
    print("\n".join([format_table(summary), *describe_options(summary), *describe_differences(between)]))


if __name__ == "__main__":
    run_stage(work, __doc__)
