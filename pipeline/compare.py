"""Stage compare: scores with intervals. Writes metrics/summary.json, the plots' data and figures, and prints the table."""

from pathlib import Path

from understudy.errors import ParameterError
from understudy.evaluation.read import read_evaluation, read_references
from understudy.evaluation.score import Evaluated, differences, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.params.comparison import ComparisonParams
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.report.figures import write_figures
from understudy.report.plots import read_curves, read_expert_curve, write_plots
from understudy.report.table import describe_differences, describe_options, format_table
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json

HERE, METRICS = Path(), Path("metrics")


def work(
    without_expert: bool,
    comparison: ComparisonParams,
    options: OptionParams,
    policies: PoliciesParams,
    training: TrainingParams,
) -> None:
    try:
        comparison.check_policies(policies.ways)
    except ValueError as error:
        raise ParameterError(f"params.yaml: {error}") from None
    references = read_references(HERE, without_expert)
    evaluated = {name: Evaluated([recording]) for name, recording in references.items()}
    for name, block in policies.items():
        evaluated |= read_evaluation(HERE, name, training.seeds, options.count, list(block.play_variants))
    bootstrap = Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)
    summary = summarise(evaluated, bootstrap, comparison.baseline)
    between = differences(evaluated, comparison.differences, bootstrap)
    recordings = {name: each.recordings[0] for name, each in evaluated.items()}
    curves = read_curves(HERE, policies.names, training.seeds[0])
    expert_curve = [] if without_expert else read_expert_curve(HERE)
    with replace_folder(METRICS / "plots") as folder:
        write_plots(folder, recordings, curves)
    with replace_folder(METRICS / "figures") as folder:
        write_figures(folder, summary, recordings, curves, expert_curve)
    write_json(METRICS / "summary.json", summary | ({"differences": between} if between else {}))
    lines = [format_table(summary, comparison.baseline), *describe_options(summary), *describe_differences(between)]
    print("\n".join(lines))


if __name__ == "__main__":
    run_stage(work, __doc__)
