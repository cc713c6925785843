"""The study's tables and figure: what is learned offline from poor recordings, and online. Writes results.md and results.png.

Intervals offline are those of each run's summary.json, over training seeds and episodes. Online a curve is a training seed's, and
a figure the median over seeds.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.params.search import load_search
from understudy.params.whole import Params, load_params
from understudy.report import charts
from understudy.report.charts import STYLE
from understudy.report.table import with_interval
from understudy.rollouts.parquet import open_recording
from understudy.search.loop import described
from understudy.search.trial import read_trials
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

ONLINE, SEARCHED = Path("mediocre"), "q"
RUNS = {  # by folder
    "mediocre": "a mediocre player's recordings",
    "history": "a whole learning history",
    "hidden": "velocities hidden",
    "ablations": "one thing another, 3 seeds, half the steps",
    "wide": "1,049 numbers observed",
}
RECORDED = ("mediocre", "history", "wide")  # whose recordings have a row of their own; the others' are the first one's
HEADER = ("recordings", "policy", "return [interval]", "IQM", "score [interval]")
GOALS = (200.0, 250.0)  # raw returns
REFERENCES = ("expert", "random")
WAYS = matplotlib.colormaps["tab10"]

Summary = dict[str, dict[str, Any]]
Curves = dict[str, dict[int, list[tuple[int, float]]]]  # by name and training seed: (environment steps, mean return)


def read_run(folder: Path) -> tuple[Summary, Summary]:
    """The entries of a run's summary.json, references first, and the differences that it holds.

    Raises:
        DataError: a policy has no entry.
    """
    params, summary = load_params(folder / "params.yaml"), read_json(folder / "metrics/summary.json")
    names = (*REFERENCES, *params.policies.names)
    missing = [name for name in names if name not in summary]
    if missing:
        raise DataError(f"{folder / 'metrics/summary.json'}: expected an entry {missing[0]}, got none")
    return {name: summary[name] for name in names}, summary.get("differences", {})


def read_online(folder: Path, params: Params) -> Curves:
    """Curves of all ways to go on online, and of the peers."""
    curves: Curves = {}
    for name in params.improvement.root if params.improvement is not None else ():
        for seed in params.training.seeds:
            rows = _rows(folder / "improved" / name / f"seed_{seed}" / "curve.csv")
            curves.setdefault(name, {})[seed] = [(int(row["steps"]), float(row["return_mean"])) for row in rows]
    for row in _rows(Path("peers.csv")):
        by_seed = curves.setdefault(row["name"], {})
        by_seed.setdefault(int(row["seed"]), []).append((int(row["steps"]), float(row["return_mean"])))
    return curves


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        raise DataError(f"{path}: expected a curve, found no such file; `dvc repro` makes it")
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def steps_to(curve: list[tuple[int, float]], goal: float) -> float:
    """Environment steps after which an evaluation first returned as much; infinitely many where none did."""
    return next((float(steps) for steps, reached in curve if reached >= goal), np.inf)


def offline_table(runs: dict[str, tuple[Summary, Summary]], recorded: dict[str, np.ndarray]) -> str:
    """A row a policy, after one of the recordings themselves, as Markdown; then a sentence a difference."""
    lines = [HEADER, ("---", "---", *("---:",) * 3)]
    sentences = []
    for run, (summary, differences) in runs.items():
        digits = 1 if max(abs(entry["return_mean"]) for entry in summary.values()) > 10 else 3
        if run in recorded:
            returns = recorded[run]
            lines.append((RUNS[run], "the recordings", f"{returns.mean():.{digits}f}", "", ""))
        for name, entry in summary.items():
            mean, low, high, iqm = (
                f"{entry[f'return_{key}']:.{digits}f}" for key in ("mean", "ci_low", "ci_high", "iqm")
            )
            lines.append((RUNS[run], name, f"{mean} [{low}, {high}]", iqm, with_interval(entry, "score")))
        sentences += [
            f"{RUNS[run]}, {pair}: {with_interval(each, 'gain')} of score" for pair, each in differences.items()
        ]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return table + "\n\n" + "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


def online_table(curves: Curves) -> str:
    """A row a way to learn online: its median return at the end, and after how many environment steps it reached the goals."""
    header = ("online", "seeds", "return at the end", *(f"steps to {goal:.0f}" for goal in GOALS))
    lines = [header, ("---", *("---:",) * (len(header) - 1))]
    for name, by_seed in curves.items():
        ends = np.median([curve[-1][1] for curve in by_seed.values()])
        reached = [float(np.median([steps_to(curve, goal) for curve in by_seed.values()])) for goal in GOALS]
        cells = [f"{steps:,.0f}" if np.isfinite(steps) else "not reached" for steps in reached]
        lines.append((name, str(len(by_seed)), f"{ends:.1f}", *cells))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def draw(runs: dict[str, tuple[Summary, Summary]], curves: Curves, path: Path) -> None:
    """Scores a run, and returns against environment steps."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(2, 3, figsize=(12, 7.5), layout="constrained")
        for axis, (run, (summary, _)) in zip(axes.flat, runs.items(), strict=False):
            charts.scores(axis, summary)
            axis.set_title(RUNS[run])
        _curves(axes[1, 2], curves)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _curves(axis: Axes, curves: Curves) -> None:
    """A thin line a training seed, a thick one of the medians, evaluation by evaluation."""
    for number, (name, by_seed) in enumerate(curves.items()):
        colour = WAYS(number)
        for curve in by_seed.values():
            axis.plot(*zip(*curve, strict=True), color=colour, lw=0.6, alpha=0.4)
        shortest = min(len(curve) for curve in by_seed.values())
        points = np.asarray([curve[:shortest] for curve in by_seed.values()])  # (seeds, evaluations, 2)
        axis.plot(*np.median(points, axis=0).T, color=colour, lw=2, label=name)
    for goal in GOALS:
        axis.axhline(goal, color=charts.PALE, zorder=0)
    axis.set(xlabel="environment steps", ylabel="mean return", title="online")
    axis.set_xlim(left=0)
    axis.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)


def main() -> None:
    """Read, draw and write."""
    runs = {run: read_run(Path(run)) for run in RUNS}
    recorded = {run: open_recording(Path(run) / "data/raw").episodes["return"] for run in RECORDED}
    curves = read_online(ONLINE, load_params(ONLINE / "params.yaml"))
    search = load_search(ONLINE / "search.yaml", SEARCHED)
    _, trials = read_trials(ONLINE / "metrics/search" / SEARCHED / "trials.json")
    found = "\n".join(f"- {line}" for line in described(search, trials))
    text = f"{offline_table(runs, recorded)}\n{online_table(curves)}\nThe search for {SEARCHED}:\n\n{found}\n"
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, curves, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
