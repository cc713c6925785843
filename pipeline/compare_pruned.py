"""Stage compare_pruned: what pruning costs and saves. Writes metrics/summary.json, results.md and a figure, prints the tables."""

from pathlib import Path

from understudy.errors import DataError
from understudy.evaluation.statistics import Bootstrap
from understudy.params.comparison import ComparisonParams
from understudy.params.load import load_sections, read_yaml
from understudy.params.pruning import PruningParams
from understudy.pruning.figure import draw
from understudy.pruning.results import format_table, read_results, slower_in_int8
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file, replace_folder
from understudy.utils.jsonfile import read_json, write_json

METRICS = Path("metrics")


def work(pruning: PruningParams) -> None:
    params = Path(pruning.project) / "params.yaml"
    comparison: ComparisonParams = load_sections(params, {"comparison": ComparisonParams})["comparison"]
    bootstrap = Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)
    without_expert = "expert" not in read_yaml(params)
    names, times = list(pruning.policies.root), read_json(METRICS / "times.json")
    if sorted(times) != sorted(names):
        raise DataError(f"{METRICS}/times.json: expected times of {', '.join(names)}, got of {', '.join(times)}")
    results = {name: read_results(pruning, name, without_expert, bootstrap) for name in names}
    write_json(METRICS / "summary.json", results)
    with replace_folder(METRICS / "figures") as folder:
        draw(results, times, pruning, folder / "results.png")
    text = "\n".join(f"{name}\n\n{format_table(results[name], times[name])}" for name in names)
    for name, block in pruning.policies.root.items():
        text += "".join(f"\n{name}: {sentence}\n" for sentence in slower_in_int8(block.int8, times[name]))
    with replace_file(METRICS / "results.md") as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    run_stage(work, __doc__)
