"""Pruning as a figure: score against sparsity, against size, and against the time of a step.

draw(results, times, pruning, path)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from understudy.params.pruning import FINETUNED, FULL, INT8, PrunedPolicyParams, PruningParams
from understudy.pruning.results import Results, Times
from understudy.report.charts import ACCENT, INK, PALE, SECOND, STYLE

LOWEST = -0.3  # scores below are drawn there


def draw(results: Mapping[str, Results], times: Mapping[str, Times], pruning: PruningParams, path: Path) -> None:
    """Write a PNG: a row of panels a policy.

    Args:
        results: by policy, what `read_results` says.
        times: by policy, microseconds a step.
        pruning: what was made.
        path: of the PNG.
    """
    with pyplot.rc_context(STYLE):
        columns = 2 + len(pruning.timing.batch_sizes)
        size = (3.0 * columns, 2.7 * len(results))
        figure, axes = pyplot.subplots(len(results), columns, figsize=size, layout="constrained", squeeze=False)
        for row, (policy, entries) in zip(axes, results.items(), strict=True):
            block = pruning.policies.named(policy)
            _against_sparsity(row[0], entries, block)
            _against_size(row[1], entries, block)
            for axis, (rows, measured) in zip(row[2:], times[policy].items(), strict=True):
                _against_time(axis, entries, block, measured, rows)
            for axis in row:
                axis.axhline(entries[FULL]["score"], color=PALE, lw=0.8, zorder=0)
                axis.set(ylim=(LOWEST - 0.05, 1.15))
            row[0].set_ylabel(f"score of {policy}")
        axes[0, 0].legend(frameon=False, fontsize=7, loc="lower left")
        axes[0, 1].legend(frameon=False, fontsize=7, loc="lower right")
        axes[0, 2].legend(frameon=False, fontsize=7, loc="lower left")
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _points(axis: Axes, across: list[float], entries: list[Mapping[str, Any]], **style: Any) -> None:
    """Scores with their intervals."""
    scores = np.asarray([entry["score"] for entry in entries])
    bounds = np.asarray([[entry["score_ci_low"], entry["score_ci_high"]] for entry in entries]).reshape(-1, 2).T
    drawn, low, high = (np.maximum(values, LOWEST) for values in (scores, *bounds))
    spans = [np.maximum(drawn - low, 0), np.maximum(high - drawn, 0)]
    defaults: dict[str, Any] = {"fmt": "o-", "ms": 3.5, "lw": 1, "capsize": 2}
    axis.errorbar(across, drawn, spans, **defaults | style)


def _against_sparsity(axis: Axes, results: Results, block: PrunedPolicyParams) -> None:
    shares = list(block.sparsities.values())
    before = [results[way] for way in block.sparsities]
    after = [results[f"{way}_{FINETUNED}"] for way in block.sparsities]
    if shares:
        _points(axis, shares, before, color=SECOND, label="pruned")
        _points(axis, shares, after, color=ACCENT, label="then finetuned")
    axis.set(xlabel="share of the weights at zero", xlim=(-0.03, 1.0))


def _against_size(axis: Axes, results: Results, block: PrunedPolicyParams) -> None:
    groups: dict[str, tuple[list[str], str, str]] = {
        "weights at zero": ([f"{way}_{FINETUNED}" for way in block.sparsities], ACCENT, "o-"),
        "smaller": ([f"{way}_{FINETUNED}" for way in block.structured], SECOND, "s"),
        FULL: ([FULL], INK, "o"),
    }
    for label, (ways, colour, marker) in groups.items():
        if ways:
            entries = [results[way] for way in ways]
            thousands = [entry["numbers_not_zero"] / 1000 for entry in entries]
            _points(axis, thousands, entries, color=colour, fmt=marker, label=label)
    axis.set(xlabel="thousand numbers not zero, finetuned", xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def _against_time(
    axis: Axes, results: Results, block: PrunedPolicyParams, measured: Mapping[str, float], rows: str
) -> None:
    smaller = [f"{way}_{FINETUNED}" for way in block.structured]
    for way in (each for each in measured if each in results):
        in_int8 = way.endswith(f"_{INT8}")
        made = way.removesuffix(f"_{INT8}")
        colour = INK if made == FULL else SECOND if made in smaller else ACCENT
        _points(
            axis, [measured[way]], [results[way]], color=colour, fmt="^" if in_int8 else "s" if made in smaller else "o"
        )
    axis.plot([], [], "^", ms=3.5, color=INK, label="in eight bits")
    axis.set(xlabel=f"µs a step of {rows}", xlim=(0, None))
