"""The study's table and figure: who returns how much, and from how many games. Writes results.md and results.png."""

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError
from understudy.report.charts import ACCENT, PALE, SECOND, STYLE
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json
from understudy.word_evaluation.table import format_table

RUNS = {"words_100": "100 words", "words_430": "430 words", "maze": "maze"}
FEWER = {"games_1000": 1000, "games_5000": 5000}  # of words_100, learned from so many games
TABLE_ALONE = "ablations"
ALL_GAMES, LEARNERS = 19600, {"bc": SECOND, "ilql": ACCENT}
LEARNED, PLAYED = "ways", "return"

Summary = dict[str, dict[str, Any]]


def read_run(run: str) -> Summary:
    """The entries of a run's summary.json, demonstrators first, then policies, by their returns."""
    path = Path(run) / "metrics/summary.json"
    summary = read_json(path)
    if not summary or not all(PLAYED in entry for entry in summary.values()):
        raise DataError(f"{path}: expected a return of each who plays, got something else")
    return dict(sorted(summary.items(), key=lambda item: (LEARNED in item[1], item[1][PLAYED])))


def format_runs(runs: dict[str, Summary]) -> str:
    """Every run's table, each under a heading."""
    return "\n".join(f"## {run}\n\n{format_table(summary)}" for run, summary in runs.items())


def returns(axis: Axes, summary: Summary) -> None:
    """A row each with its interval; demonstrators are pale."""
    for row, entry in enumerate(summary.values()):
        _point(axis, entry, row, ACCENT if LEARNED in entry else PALE, upright=False)
    axis.set(xlabel="mean return", ylim=(len(summary) - 0.5, -0.5))
    axis.set_yticks(range(len(summary)), list(summary))


def by_games(axis: Axes, runs: dict[str, Summary]) -> None:
    """Returns by the number of games that were learned from."""
    for name, colour in LEARNERS.items():
        counts = [(FEWER.get(run, ALL_GAMES), run) for run in (*FEWER, "words_100")]
        axis.plot(
            [count for count, _ in counts], [runs[run][name][PLAYED] for _, run in counts], color=colour, label=name
        )
        for count, run in counts:
            _point(axis, runs[run][name], count, colour, upright=True)
    axis.set(xlabel="games learned from", ylabel="mean return", xscale="log", title="100 words")
    axis.legend(frameon=False)


def _point(axis: Axes, entry: dict[str, Any], place: float, colour: str, upright: bool) -> None:
    value, low, high = (entry[key] for key in (PLAYED, "return_ci_low", "return_ci_high"))
    spans = [[max(value - low, 0)], [max(high - value, 0)]]
    if upright:
        axis.errorbar(place, value, yerr=spans, fmt="o", ms=4, capsize=3, color=colour)
    else:
        axis.errorbar(value, place, xerr=spans, fmt="o", ms=4, capsize=3, color=colour)


def draw(runs: dict[str, Summary], path: Path) -> None:
    """A panel a run, and one by the number of games."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(2, 2, figsize=(10, 8), layout="constrained")
        for axis, (run, title) in zip(axes.flat, RUNS.items(), strict=False):
            returns(axis, runs[run])
            axis.set_title(title)
        by_games(axes.flat[-1], runs)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def main() -> None:
    """Read, draw and write."""
    runs = {run: read_run(run) for run in (*RUNS, *FEWER, TABLE_ALONE)}
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, unfinished)
    table = format_runs(runs)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except DataError as error:
        sys.exit(f"draw: {error}")
