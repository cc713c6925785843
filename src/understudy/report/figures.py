"""Figures as PNG, the same to the byte for the same data.

results.png          -- score with intervals, and the returns of all episodes
learning_curves.png  -- the expert's training returns, the students' losses
actions.png          -- what the expert would have done against what the students chose
options.png          -- the options over the time of a few episodes, of the first agent
"""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from understudy.episode import NO_OPTION
from understudy.rollouts.parquet import Recording

COLOURS = matplotlib.colormaps["tab10"]
OPTION_EPISODES = 12

Curve = list[dict[str, float]]


def write_figures(
    folder: Path,
    summary: dict[str, dict[str, Any]],
    recordings: dict[str, Recording],
    curves: dict[str, Curve],
    expert_curve: Curve,
) -> None:
    """Draw all figures into an existing folder."""
    with pyplot.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        _save(_results(summary, recordings), folder / "results.png")
        _save(_learning_curves(curves, expert_curve), folder / "learning_curves.png")
        _save(_actions({name: recordings[name] for name in curves}), folder / "actions.png")
        _save(_options(recordings), folder / "options.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def _results(summary: dict[str, dict[str, Any]], recordings: dict[str, Recording]) -> Figure:
    students = [name for name in summary if "on_policy_agreement" in summary[name]]
    height = 0.45 * len(summary) + 1.2
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, height), layout="constrained")
    for row, name in enumerate(students):
        score, low, high = (summary[name][key] for key in ("score", "score_ci_low", "score_ci_high"))
        left.errorbar(
            score, row, xerr=[[max(score - low, 0)], [max(high - score, 0)]], fmt="o", capsize=4, color=COLOURS(0)
        )
        left.annotate(f"{score:.3f}", (score, row), xytext=(0, 8), textcoords="offset points", ha="center")
    left.axvline(1.0, color="0.8", zorder=0)
    left.set(
        xlabel="score with interval: 0 random, 1 expert",
        yticks=range(len(students)),
        yticklabels=students,
        ylim=(len(students) - 0.5, -0.7),
    )
    left.margins(x=0.25)
    right.boxplot(
        [recordings[name].episodes["return"] for name in summary],
        tick_labels=list(summary),
        orientation="horizontal",
        widths=0.5,
        flierprops={"markersize": 2},
    )
    right.invert_yaxis()
    right.set(xlabel="return of an episode")
    return figure


def _learning_curves(curves: dict[str, Curve], expert_curve: Curve) -> Figure:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot([row["steps"] for row in expert_curve], [row["return_mean"] for row in expert_curve], color="0.2")
    left.set(xlabel="environment steps", ylabel="return while training", title="expert")
    for index, (name, curve) in enumerate(curves.items()):
        steps = [row["step"] for row in curve]
        right.plot(
            steps, [row["validation_loss"] for row in curve], color=COLOURS(index % 10), label=f"{name}, held out"
        )
        right.plot(
            steps, [row["train_loss"] for row in curve], color=COLOURS(index % 10), ls=":", label=f"{name}, training"
        )
    right.set(xlabel="optimizer steps", ylabel="loss a step", title="students")
    if not any(
        row[key] <= 0 for curve in curves.values() for row in curve for key in ("validation_loss", "train_loss")
    ):
        right.set_yscale("log")
    right.legend(frameon=False, fontsize=7)
    return figure


def _actions(students: dict[str, Recording]) -> Figure:
    figure, axes = pyplot.subplots(
        1, len(students), figsize=(3 * len(students), 3.2), layout="constrained", squeeze=False
    )
    for axis, (name, recording) in zip(axes[0], students.items(), strict=True):
        demonstrated, chosen = recording.steps["demonstrated_action"], recording.steps["action"]
        if recording.spec.num_actions is not None:
            _confusion(axis, demonstrated, chosen, recording.spec.num_actions)
        else:
            for entry in range(recording.spec.action_dim):
                axis.plot(demonstrated[::10, entry], chosen[::10, entry], ".", ms=1, label=f"entry {entry}")
            axis.legend(frameon=False)
        axis.set(title=name, xlabel="chosen", ylabel="the expert's action")
    return figure


def _confusion(axis: Axes, demonstrated: np.ndarray, chosen: np.ndarray, num_actions: int) -> None:
    counts = np.zeros((num_actions, num_actions))
    np.add.at(counts, (demonstrated, chosen), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set(xticks=range(num_actions), yticks=range(num_actions))
    if num_actions <= 8:
        for (row, column), share in np.ndenumerate(shares):
            axis.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black")


def _options(recordings: dict[str, Recording]) -> Figure:
    with_options = {name: each for name, each in recordings.items() if (each.steps["option"] != NO_OPTION).any()}
    figure, axes = pyplot.subplots(
        max(1, len(with_options)), 1, figsize=(9, 3.2 * max(1, len(with_options))), layout="constrained", squeeze=False
    )
    if not with_options:
        axes[0, 0].set_axis_off()
        axes[0, 0].text(0.5, 0.5, "no policy with options", ha="center")
    for axis, (name, recording) in zip(axes[:, 0], with_options.items(), strict=False):
        episodes = range(min(OPTION_EPISODES, len(recording.episodes["length"])))
        lengths, offsets = recording.episodes["length"], recording.offsets
        strips = np.full((len(episodes), lengths[: len(episodes)].max()), np.nan)
        for episode in episodes:
            strips[episode, : lengths[episode]] = (
                recording.steps["option"][offsets[episode] : offsets[episode + 1] : recording.spec.num_agents] % 10
            )
        axis.imshow(strips, aspect="auto", interpolation="nearest", cmap="tab10", vmin=-0.5, vmax=9.5)
        for option in range(int(recording.steps["option"].max()) + 1):
            axis.plot([], [], "s", color=COLOURS(option % 10), label=f"option {option}")
        axis.set(title=f"{name}: the option followed", xlabel="step", ylabel="evaluation episode")
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
