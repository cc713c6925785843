"""Figures of peers.json: write_figures(folder, content, names).

peers.png    -- every ratio with its quartiles, and parity
playing.png  -- what a step costs against the step of the episode, and against the context
"""

import statistics
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

COLOURS = matplotlib.colormaps["tab10"]
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def write_figures(folder: Path, content: dict, names: list[str]) -> None:
    """Draw what has been measured; a figure without data is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = [content["groups"].get(name, {"rows": []}) for name in names]
    rows = [row for group in groups for row in group["rows"] if "ratio" in row]
    cost = content["groups"].get("cost", {"programs": {}})["programs"]
    curves = {program["who"]: program["figures"] for program in cost.values() if program["figures"]}
    with pyplot.rc_context(STYLE):
        if rows:
            _save(_ratios(rows), folder / "peers.png")
        if curves:
            _save(_costs(curves), folder / "playing.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def _ratios(rows: list[dict]) -> Figure:
    figure, axes = pyplot.subplots(figsize=(9, 0.52 * len(rows) + 1), layout="constrained")
    for place, row in enumerate(rows):
        ratio = row["ratio"]
        middle, low, high = ratio["median"], ratio["low"], ratio["high"]
        axes.errorbar(middle, place, xerr=[[middle - low], [high - middle]], fmt="o", capsize=4, color=COLOURS(0))
        label = f"{'≥ ' if row['at_least'] else ''}{middle:.2f}"
        axes.annotate(label, (middle, place), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
    labels = [f"{row['work']}\n{row['ours']['who']} against {row['theirs']['who']}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.axvline(1.0, color="0.6", linestyle="--", zorder=0)
    axes.set(xscale="log", xlabel="times as fast (median and quartiles of the rounds; dashed: parity)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.set_ylim(len(rows) - 0.4, -0.7)
    return figure


def _costs(curves: dict[str, list[dict]]) -> Figure:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    for colour, (who, rounds) in enumerate(curves.items()):
        for axes, key in ((left, "by_step"), (right, "by_context")):
            places = [place for place, _ in rounds[0][key]]
            middles = [statistics.median(values) for values in zip(*_costs_of(rounds, key), strict=True)]
            axes.plot(places, middles, marker="o", markersize=3, color=COLOURS(colour), label=who)
    left.set(
        xlabel="step of the episode (context 20)", ylabel="µs a row's step, one thread", yscale="log", ylim=(10, None)
    )
    right.set(xlabel="context in steps", xscale="log")
    for axes in (left, right):
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.legend(frameon=False)
    return figure


def _costs_of(rounds: list[dict], key: str) -> list[list[float]]:
    return [[microseconds for _, microseconds in figures[key]] for figures in rounds]
