"""Stage compare: scores with intervals. Writes metrics/summary.json, the plots' data and figures, and prints the table."""

from pathlib import Path

from understudy.episode import NO_OPTION
from understudy.errors import DataError, ParameterError
from understudy.evaluation.score import DEMONSTRATIONS, EXPERT, RANDOM, Evaluated, differences, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.params.comparison import ComparisonParams
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.report.figures import write_figures
from understudy.report.plots import EXPERT_COLUMNS, STUDENT_COLUMNS, read_curve, write_plots
from understudy.report.table import describe_differences, describe_options, format_table
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import read_json, write_json

EVALUATION, MODELS, METRICS = Path("data/evaluation"), Path("models"), Path("metrics")


def work(
    without_expert: bool,
    comparison: ComparisonParams,
    options: OptionParams,
    policies: PoliciesParams,
    training: TrainingParams,
) -> None:
    try:
        comparison.check_policies(policies.names)
    except ValueError as error:
        raise ParameterError(f"params.yaml: {error}") from None
    demonstrator = DEMONSTRATIONS if without_expert else EXPERT
    references = {
        demonstrator: Path("data/raw") if without_expert else EVALUATION / EXPERT,
        RANDOM: EVALUATION / RANDOM,
    }
    evaluated = {name: Evaluated([read_recording(folder)]) for name, folder in references.items()}
    evaluated |= {name: read_evaluation(name, training.seeds, options.count) for name in policies.names}
    bootstrap = Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)
    summary = summarise(evaluated, bootstrap, comparison.baseline)
    between = differences(evaluated, comparison.differences, bootstrap)
    recordings = {name: each.recordings[0] for name, each in evaluated.items()}
    first = f"seed_{training.seeds[0]}"
    curves = {
        name: read_curve(MODELS / name / first / "learning_curve.csv", STUDENT_COLUMNS) for name in policies.names
    }
    expert_curve = [] if without_expert else read_curve(MODELS / EXPERT / "learning_curve.csv", EXPERT_COLUMNS)
    with replace_folder(METRICS / "plots") as folder:
        write_plots(folder, recordings, curves)
    with replace_folder(METRICS / "figures") as folder:
        write_figures(folder, summary, recordings, curves, expert_curve)
    write_json(METRICS / "summary.json", summary | ({"differences": between} if between else {}))
    lines = [format_table(summary, comparison.baseline), *describe_options(summary), *describe_differences(between)]
    print("\n".join(lines))


def read_evaluation(name: str, seeds: list[int], num_options: int) -> Evaluated:
    """What the stages of a policy have left, a training seed after the other."""
    held_out = [_held_out(MODELS / name / f"seed_{seed}" / "held_out.json") for seed in seeds]
    folders = [EVALUATION / name / f"seed_{seed}" for seed in seeds]
    variants = sorted(folder.name for folder in folders[0].iterdir() if folder.is_dir())
    recordings = [read_recording(folder) for folder in folders]
    follows_options = (recordings[0].steps["option"] != NO_OPTION).any()
    return Evaluated(
        recordings,
        _mean([each["action_accuracy"] for each in held_out]),
        _mean([each["change_accuracy"] for each in held_out]),
        {variant: [read_recording(folder / variant) for folder in folders] for variant in variants},
        num_options if follows_options else None,
    )


def _held_out(path: Path) -> dict[str, float | None]:
    content = read_json(path)
    for key in ("action_accuracy", "change_accuracy"):
        if key not in content:
            raise DataError(f"{path}: expected a {key}, got none")
    return content


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


if __name__ == "__main__":
    run_stage(work, __doc__)
