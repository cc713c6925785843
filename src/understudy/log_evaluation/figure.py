"""The table as a figure: accuracy over all decisions and over tool turns, with intervals.

draw(summary, path)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.report.charts import ACCENT, INK, PALE, STYLE

PANELS = {"accuracy": "accuracy, all decisions", "tool_accuracy": "accuracy, tool turns"}


def draw(summary: Mapping[str, Mapping[str, Any]], policies: list[str], path: Path) -> None:
    """Write a PNG: a row a policy or baseline, policies last and in colour."""
    names = [*(name for name in summary if name not in policies), *policies]
    with pyplot.rc_context(STYLE):
        size = (9, 0.8 + 0.34 * len(names))
        figure, axes = pyplot.subplots(1, len(PANELS), figsize=size, sharey=True, layout="constrained")
        for axis, (number, label) in zip(axes, PANELS.items(), strict=True):
            _panel(axis, {name: summary[name] for name in names}, number, policies)
            axis.set(xlabel=label, xlim=(0, 1))
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _panel(axis: Axes, summary: Mapping[str, Mapping[str, Any]], number: str, policies: list[str]) -> None:
    for row, (name, entry) in enumerate(summary.items()):
        value = entry[number]
        if value is None:
            continue
        spans = [[value - entry[f"{number}_ci_low"]], [entry[f"{number}_ci_high"] - value]]
        colour = ACCENT if name in policies else INK
        axis.errorbar(value, row, xerr=spans, fmt="o", ms=4, capsize=3, color=colour)
    axis.grid(axis="x", color=PALE, lw=0.5)
    axis.set_axisbelow(True)
