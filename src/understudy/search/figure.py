"""A search as a figure: its history beside the importance of its parameters.

draw(search, trials, path) -- a PNG, the same to the byte for the same trials
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from understudy.params.search import SearchParams
from understudy.report.charts import ACCENT, INK, PALE, SECOND, STYLE
from understudy.search.sampler import importances
from understudy.search.trial import COMPLETE, Trial
from understudy.utils.atomic import replace_file


def draw(search: SearchParams, trials: Sequence[Trial], path: Path) -> None:
    """Write the figure."""
    height = max(2.8, 1.2 + 0.3 * len(search.space))
    with pyplot.rc_context(STYLE):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, height), layout="constrained")
        _history(left, search, trials)
        _importances(right, importances(search, trials))
        with replace_file(path) as unfinished:
            figure.savefig(unfinished, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _history(axis: Axes, search: SearchParams, trials: Sequence[Trial]) -> None:
    """The value of each trial, with the error of its mean over episodes, and the best so far; the others along the bottom."""
    finished = [number for number, each in enumerate(trials) if each.state == COMPLETE]
    values = np.array([trials[number].value for number in finished], float)
    errors = [_error(trials[number]) for number in finished]
    axis.errorbar(finished, values, yerr=errors, fmt="o", ms=3.5, lw=1, color=ACCENT, label="complete")
    best = np.maximum.accumulate(values) if search.objective == "return" else np.minimum.accumulate(values)
    axis.step([*finished, len(trials) - 1], [*best, best[-1]], where="post", color=INK, lw=1, label="best so far")
    axis.axhline(values[0], color=PALE, zorder=0, label="params.yaml")
    others = [number for number in range(len(trials)) if number not in finished]
    if others:
        bottom = axis.get_xaxis_transform()
        axis.plot(others, [0.02] * len(others), "x", ms=4, color=SECOND, transform=bottom, label="given up or failed")
    axis.set(xlabel="trial", ylabel="mean return" if search.objective == "return" else "validation loss")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(frameon=False, fontsize=7)


def _error(trial: Trial) -> float:
    """The standard error of the mean over episodes, of all training seeds together; 0 where none were played."""
    returns = np.array(trial.returns).ravel()
    return float(returns.std(ddof=1) / len(returns) ** 0.5) if len(returns) > 1 else 0.0


def _importances(axis: Axes, shares: dict[str, float]) -> None:
    """A bar a parameter, the most important one on top."""
    axis.barh(range(len(shares)), list(shares.values()), color=ACCENT, height=0.6)
    axis.set_yticks(range(len(shares)), list(shares))
    axis.set(xlabel="importance: share of the variance (fANOVA)", xlim=(0, 1))
    axis.invert_yaxis()
    if not shares:
        axis.text(0.5, 0.5, "too few trials to tell", transform=axis.transAxes, ha="center", color=INK)
