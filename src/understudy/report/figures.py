"""Figures as PNG, the same to the byte for the same data.

results.png          -- score with intervals, and the returns of all episodes
learning_curves.png  -- the expert's training returns, the students' losses
actions.png          -- what the expert would have done against what the students chose
options.png          -- the options over the time of a few episodes, of the first agent; only where a policy has options
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from understudy.report import charts
from understudy.report.charts import Curve
from understudy.rollouts.parquet import Recording

COLUMNS = 4

Panels = dict[str, Callable[[Axes], object]]


def write_figures(
    folder: Path,
    summary: Mapping[str, Mapping[str, Any]],
    recordings: Mapping[str, Recording],
    curves: Mapping[str, Curve],
    expert_curve: Curve,
) -> None:
    """Draw all figures into an existing folder."""
    with pyplot.rc_context(charts.STYLE):
        _save(results(summary, recordings), folder / "results.png")
        _save(learning_curves(curves, expert_curve), folder / "learning_curves.png")
        _save(
            grid({name: partial(charts.actions, recording=recordings[name]) for name in curves}), folder / "actions.png"
        )
        if with_options := {name: each for name, each in recordings.items() if charts.has_options(each)}:
            _save(options(with_options), folder / "options.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def results(summary: Mapping[str, Mapping[str, Any]], recordings: Mapping[str, Recording]) -> Figure:
    """Scores beside returns."""
    height = 0.38 * len(recordings) + 1.0
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, height), layout="constrained")
    charts.scores(left, summary)
    charts.returns(right, {name: recording.episodes["return"] for name, recording in recordings.items()})
    return figure


def learning_curves(curves: Mapping[str, Curve], expert_curve: Curve) -> Figure:
    """A panel for the expert, where it has learned, and one a student."""
    panels: Panels = {"expert": partial(charts.expert_curve, curve=expert_curve)} if expert_curve else {}
    figure = grid(panels | {name: partial(charts.losses, curve=curve) for name, curve in curves.items()})
    handles, labels = figure.axes[len(panels)].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    return figure


def options(recordings: Mapping[str, Recording]) -> Figure:
    """A row a policy with options."""
    return grid({name: partial(charts.option_strips, recording=each) for name, each in recordings.items()}, 1)


def grid(panels: Panels, columns: int = COLUMNS) -> Figure:
    """Panels in rows of a few, with their names above them."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    size = (9, 3.0 * rows) if columns == 1 else (max(2.6 * columns, 4.0), 2.6 * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (name, draw) in zip(axes.flat, panels.items(), strict=False):
        draw(axis)
        axis.set_title(name, fontsize=9)
    return figure
