"""The study's tables and figure: players, students, what those who are asked for a return get, and what one of them imagines.

Writes results.md and results.png. Probability of improvement is rliable's (Agarwal et al., 2021): the chance that a training seed
of one policy does better than one of another, ties counted half; its interval is a bootstrap over training seeds.
"""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from pydantic import BaseModel

from understudy.errors import DataError, ParameterError
from understudy.evaluation.statistics import interquartile_mean
from understudy.params.comparison import ComparisonParams
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.report import charts, table
from understudy.report.charts import ACCENT, INK, PALE, SECOND, STYLE
from understudy.report.table import with_interval
from understudy.rollouts.parquet import Recording, read_recording
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

RUNS = {"lander": "LunarLander-v3", "pendulum": "Pendulum-v1"}  # the second has actions that are numbers
SECTIONS: dict[str, type[BaseModel]] = {
    "comparison": ComparisonParams,
    "policies": PoliciesParams,
    "training": TrainingParams,
}
IMAGINED = "lander"
ALONE = "expert"  # a run whose recordings are all the expert's
ALL = "bc"  # imitates all; that and the best share have to be beaten
RESAMPLES = 9999
HEADER = ("who", "return", "IQM", "score [interval]")
FILTERED = {0.1: "bc_10", 0.25: "bc_25", 0.5: "bc_50", 1.0: "bc"}  # by the share of the episodes that they imitate
PATHS = 20
COLOURS = {"dt": ACCENT, "rvs": SECOND}
LINES = {"likeliest": ":", "drawn": "--", "corrected": "-"}  # by how those act who are asked for a return


@dataclass(frozen=True)
class Run:
    """What one run of the pipeline left: its folder, sections of params, recording, entries of summary.json in the table's order.

    `chosen` is the policy that imitates the share of the episodes which was best on seeds of development.
    """

    folder: Path
    params: dict[str, Any]
    recorded: Recording
    summary: dict[str, dict[str, Any]]
    chosen: str

    @classmethod
    def read(cls, folder: Path, chosen: str) -> Self:
        params, summary = load_sections(folder / "params.yaml", SECTIONS), read_json(folder / "metrics/summary.json")
        ordered = {name: summary[name] for name in ("expert", "random", *params["policies"].ways)}
        return cls(folder, params, read_recording(folder / "data/raw"), ordered, chosen)

    def by_player(self) -> dict[str, np.ndarray]:
        """Returns of what each player recorded."""
        returns, player = self.recorded.episodes["return"], self.recorded.episodes["player"]
        return {name: returns[player == number] for number, name in enumerate(self.recorded.players)}


def seed_means(way: str, run: Run) -> np.ndarray:
    """Mean return (R,) of each training seed's evaluation, of a policy or, as NAME/WAY, of a further way in which it plays."""
    name, *further = way.split("/")
    folders = [run.folder / "data/evaluation" / name / f"seed_{seed}" for seed in run.params["training"].seeds]
    return np.asarray([read_recording(Path(folder, *further)).episodes["return"].mean() for folder in folders])


def probability_of_improvement(one: np.ndarray, other: np.ndarray) -> float:
    """P(X > Y) + P(X = Y) / 2 over all pairs of runs (R,) and (Q,): the Mann-Whitney statistic divided by their number."""
    return float((np.greater.outer(one, other) + 0.5 * np.equal.outer(one, other)).mean())


def improvement_interval(one: np.ndarray, other: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap over the runs of each."""
    generator = np.random.default_rng(seed)
    drawn = [
        probability_of_improvement(generator.choice(one, len(one)), generator.choice(other, len(other)))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def format_table(run: Run) -> str:
    """Players and the recording they made, then references and students."""
    returns = run.recorded.episodes["return"]
    rows = [(f"player: {name}", *_of_returns(totals), "", "", "") for name, totals in run.by_player().items()]
    rows += [("all recorded episodes", *_of_returns(returns), "", "", "")]
    rows += [("the best recorded episode", f"{returns.max():.1f}", "", "", "", "")]
    means, baselines = {name: seed_means(name, run) for name in run.params["policies"].ways}, (ALL, run.chosen)
    for name, entry in run.summary.items():
        against = [_improvement(means, name, other, run.params["comparison"].seed) for other in baselines]
        rows.append(
            (name, f"{entry['return_mean']:.1f}", f"{entry['return_iqm']:.1f}", with_interval(entry, "score"), *against)
        )
    header = (*HEADER, *(f"better than {name} [interval]" for name in baselines))
    lines = [header, ("---", *("---:",) * (len(header) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _of_returns(returns: np.ndarray) -> tuple[str, str]:
    return f"{returns.mean():.1f}", f"{interquartile_mean(returns):.1f}"


def _improvement(means: dict[str, np.ndarray], name: str, other: str, seed: int) -> str:
    if name not in means or name == other:
        return ""
    low, high = improvement_interval(means[name], means[other], seed)
    return f"{probability_of_improvement(means[name], means[other]):.2f} [{low:.2f}, {high:.2f}]"


def format_alone(summary: dict[str, Any], baseline: str) -> str:
    """Students of the expert alone, and which share of the baseline's score each of them has."""
    students = [name for name, entry in summary.items() if "score" in entry and name not in ("expert", "random")]
    shares = [
        f"{name}: {summary[name]['score'] / summary[baseline]['score']:.3f} of {baseline}'s score."
        for name in students
        if name != baseline
    ]
    rows = {name: summary[name] for name in ("expert", "random", *students)}
    return "\n".join([table.format_table(rows, baseline), "", *shares]) + "\n"


def read_chosen(path: Path) -> dict[str, str]:
    """By run, the policy that was chosen among those that imitate a share of the episodes."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["run"]: row["policy"] for row in csv.DictReader(file) if row["chosen"] == "1"}


# Mean returns of the training seeds, by policy and how it acts, and by target.
Calibration = dict[tuple[str, str], dict[float, list[float]]]


def read_calibration(path: Path) -> dict[str, Calibration]:
    """What policies got that were asked for a return, by run."""
    found: dict[str, Calibration] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_target = found.setdefault(row["run"], {}).setdefault((row["policy"], row["acts"]), {})
            by_target.setdefault(float(row["target"]), []).append(float(row["return_mean"]))
    return found


def describe_calibration(calibration: Calibration) -> str:
    """A sentence a policy and way of acting: how far from their targets the means lie."""
    lines = []
    for (name, acts), by_target in calibration.items():
        off = [abs(float(np.mean(values)) - target) for target, values in by_target.items()]
        lines.append(
            f"{name}, {acts}: asked for {min(by_target):.0f} to {max(by_target):.0f}, its mean return lies {np.mean(off):.0f}"
            f" from the target on average, {np.max(off):.0f} at most."
        )
    return "\n".join(lines) + "\n"


def draw(runs: Sequence[Run], calibration: dict[str, Calibration], imagined: Recording, path: Path) -> None:
    """A row of panels a run, and one between them: the share that is imitated, and what is imagined beside what was recorded."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(len(runs) + 1, 3, figsize=(11, 10.5), layout="constrained")
        for row, run in zip(axes[[0, *range(2, len(runs) + 1)]], runs, strict=True):
            charts.returns(row[0], run.by_player())
            charts.scores(row[1], run.summary)
            _calibration(row[2], calibration[run.folder.name])
            row[0].set_title(RUNS[run.folder.name])
        dreamt = next(run for run in runs if run.folder.name == IMAGINED)
        _best_share(axes[1, 0], dreamt.summary)
        returns = {"recorded": dreamt.recorded.episodes["return"], "imagined": imagined.episodes["return"]}
        charts.returns(axes[1, 1], returns)
        _paths(axes[1, 2], dreamt.recorded, imagined)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _best_share(axis: Axes, summary: dict[str, Any]) -> None:
    """Scores of those who imitate the best share of the episodes, against that share."""
    entries = [summary[name] for name in FILTERED.values()]
    scores = np.asarray([entry["score"] for entry in entries])
    bounds = np.asarray([[entry["score_ci_low"], entry["score_ci_high"]] for entry in entries]).T
    axis.errorbar(list(FILTERED), scores, np.abs(bounds - scores), color=ACCENT, marker="o", ms=4, capsize=2)
    axis.set(xlabel="share of the episodes that is imitated, the best", ylabel="score", xlim=(0, 1.05))


def _paths(axis: Axes, recorded: Recording, imagined: Recording) -> None:
    """Where some of the episodes went; the first two components of an observation are the place."""
    for recording, colour, width, label in ((imagined, ACCENT, 0.4, "imagined"), (recorded, SECOND, 1.2, "recorded")):
        count = len(recording.episodes["seed"])
        for number, episode in enumerate(np.linspace(0, count - 1, PATHS).astype(int)):
            steps = recording.steps["observation"][recording.offsets[episode] : recording.offsets[episode + 1]]
            axis.plot(steps[:, 0], steps[:, 1], color=colour, lw=width, label=None if number else label)
    axis.set(xlabel="x", ylabel="y", xlim=(-1.2, 1.2), ylim=(-0.5, 2.0))
    axis.legend(frameon=False)


def _calibration(axis: Axes, calibration: Calibration) -> None:
    for (name, acts), by_target in calibration.items():
        colour, means = COLOURS.get(name, INK), [np.mean(values) for values in by_target.values()]
        if acts == "corrected":
            for target, values in by_target.items():
                axis.plot([target] * len(values), values, ".", ms=4, color=colour, alpha=0.5)
        axis.plot(list(by_target), means, LINES[acts], color=colour, lw=1.2, label=f"{name}, {acts}")
    targets = [target for by_target in calibration.values() for target in by_target]
    axis.plot([min(targets), max(targets)], [min(targets), max(targets)], color=PALE, zorder=0)
    axis.set(xlabel="return asked for", ylabel="mean return")
    axis.legend(frameon=False, fontsize=7)


def main() -> None:
    """Read, draw and write."""
    chosen = read_chosen(Path("chosen.csv"))
    runs = [Run.read(Path(name), chosen[name]) for name in RUNS]
    imagined, calibration = read_recording(Path("imagined")), read_calibration(Path("calibration.csv"))
    text = "\n".join(
        f"## {RUNS[run.folder.name]}\n\n{format_table(run)}\nChosen among shares: {run.chosen}.\n"
        f"{describe_calibration(calibration[run.folder.name])}"
        for run in runs
    )
    params = load_sections(Path(ALONE, "params.yaml"), {"comparison": ComparisonParams})
    alone = format_alone(read_json(Path(ALONE, "metrics/summary.json")), params["comparison"].baseline)
    text += f"\n## {RUNS[IMAGINED]}, of the expert alone\n\n{alone}"
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, calibration, imagined, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
