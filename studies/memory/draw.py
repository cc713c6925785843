"""The study's table and figure: what students score by how far back they look. Writes results.md and results.png.

A student can know the answer where its context is longer than the steps that lie between the cue and its use.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.params.whole import Params, load_params
from understudy.report import charts
from understudy.report.charts import INK, STYLE
from understudy.report.table import with_interval
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

RUNS = {"t_maze": "T-maze", "repeat_previous": "repeat previous", "repeat_previous_40": "repeat previous, 40"}
HEADER = ("task", "policy", "sees the cue", "right [interval]", "chance", "score [interval]")
REFERENCES = ("expert", "random")

Summary = dict[str, dict[str, Any]]


def steps_between(params: Params) -> tuple[int, int]:
    """Fewest and most steps from the cue to where it is needed."""
    kwargs = params.environment.kwargs
    return (kwargs["delay"],) * 2 if "delay" in kwargs else (kwargs["shortest"], kwargs["longest"])


def chance(params: Params) -> float:
    """How often one is right who does not know the cue: of a T-maze's two turns, or of so many symbols."""
    return 1 / params.environment.kwargs.get("symbols", 2)


def sees_cue(params: Params, name: str) -> str:
    """Whether the cue lies within a student's context where it is needed; `mlp` has none, and neither do the references."""
    if name in REFERENCES:
        return ""
    context = params.policies.named(name).model.get("context", 1)
    fewest, most = steps_between(params)
    return "always" if context > most else "never" if context <= fewest else "sometimes"


def read_run(folder: Path) -> tuple[Params, Summary]:
    """What params.yaml says of a run, and the entries of summary.json: references, then students in their order."""
    params, summary = load_params(folder / "params.yaml"), read_json(folder / "metrics/summary.json")
    names = (*REFERENCES, *params.policies.names)
    missing = [name for name in names if name not in summary]
    if missing:
        raise DataError(f"{folder / 'metrics/summary.json'}: expected an entry {missing[0]}, got none")
    return params, {name: summary[name] for name in names}


def format_table(runs: dict[str, tuple[Params, Summary]]) -> str:
    """All policies of all runs as Markdown; an episode returns the share of its questions that were answered right."""
    lines = [HEADER, ("---", "---", "---", *("---:",) * 3)]
    for run, (params, summary) in runs.items():
        for name, entry in summary.items():
            right = f"{entry['return_mean']:.3f} [{entry['return_ci_low']:.3f}, {entry['return_ci_high']:.3f}]"
            cells = (right, f"{chance(params):.2f}", with_interval(entry, "score"))
            lines.append((RUNS[run], name, sees_cue(params, name), *cells))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def draw(runs: dict[str, tuple[Params, Summary]], path: Path) -> None:
    """A panel a task, a row a student; the line is where the cue comes within reach."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            1, len(runs), figsize=(4.5 * len(runs), 3.9), layout="constrained", squeeze=False
        )
        for axis, (run, (params, summary)) in zip(axes[0], runs.items(), strict=True):
            charts.scores(axis, summary)
            _mark_reach(axis, params)
            axis.set_title(RUNS[run])
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _mark_reach(axis: Axes, params: Params) -> None:
    seeing = [sees_cue(params, name) for name in params.policies.names]
    row = seeing.index("always") - 0.5
    axis.axhline(row, color=INK, lw=0.8, ls="--")
    place = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points", "va": "top"}
    axis.annotate("below: the cue is within reach", (0.0, row), (5, -3), **place)


def main() -> None:
    """Read, draw and write."""
    runs = {run: read_run(Path(run)) for run in RUNS}
    table = format_table(runs)
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
