"""Charts, each onto one pair of axes: figures.py puts them side by side, sections.py into the report.

scores, returns          -- a row a policy
expert_curve, losses     -- learning curves, from step 0
actions                  -- what the demonstrator would have done against what was chosen
option_strips            -- the option followed, step by step
option_paths             -- the same on the way that was taken
calibration, value_bins  -- what a policy expects against what happens; calibration_error says it in a number
"""

from collections.abc import Mapping
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import LogLocator, NullFormatter

from understudy.episode import NO_OPTION
from understudy.rollouts.parquet import Recording

INK, PALE, ACCENT, SECOND = "#1b1c1e", "#d4d5d9", "#2f6fb2", "#e07b28"  # svg.py gives them other values in the dark
OPTION_COLOURS = matplotlib.colormaps["tab10"]
OPTION_EPISODES = 12
MOST_LABELS = 8
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}

Curve = list[dict[str, float]]


def scores(axis: Axes, summary: Mapping[str, Mapping[str, Any]]) -> None:
    """Each student's score with its interval."""
    students = [name for name, entry in summary.items() if "on_policy_agreement" in entry]
    for row, name in enumerate(students):
        score, low, high = (summary[name][key] for key in ("score", "score_ci_low", "score_ci_high"))
        spans = [[max(score - low, 0)], [max(high - score, 0)]]
        axis.errorbar(score, row, xerr=spans, fmt="o", ms=4, capsize=3, color=ACCENT)
        axis.annotate(f"{score:.3f}", (score, row), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8)
    axis.axvline(0.0, color=PALE, zorder=0)
    axis.axvline(1.0, color=PALE, zorder=0)
    axis.set(xlabel="score: 0 random, 1 demonstrator", ylim=(len(students) - 0.5, -0.7))
    axis.set_yticks(range(len(students)), students)
    axis.margins(x=0.15)


def returns(axis: Axes, totals_by_name: Mapping[str, np.ndarray]) -> None:
    """Every episode's return as a dot, the middle half as a bar, the median as a line across it; raw returns (E,) by name."""
    for row, totals in enumerate(totals_by_name.values()):
        beside = (np.arange(len(totals)) * 0.618034) % 1 - 0.5  # spread evenly, without a random number
        axis.plot(totals, row + 0.55 * beside, ".", ms=3.5, mew=0, color=ACCENT, alpha=0.6, rasterized=True)
        low, median, high = np.quantile(totals, [0.25, 0.5, 0.75])
        axis.plot([low, high], [row, row], lw=2, color=INK, solid_capstyle="butt")
        axis.plot([median, median], [row - 0.3, row + 0.3], lw=2, color=INK, solid_capstyle="butt")
    axis.set(xlabel="return of an episode", ylim=(len(totals_by_name) - 0.5, -0.5))
    axis.set_yticks(range(len(totals_by_name)), list(totals_by_name))


def expert_curve(axis: Axes, curve: Curve) -> None:
    """The expert's mean return while it trained."""
    axis.plot([row["steps"] for row in curve], [row["return_mean"] for row in curve], color=ACCENT)
    axis.set(xlabel="environment steps", ylabel="return while training")
    axis.set_xlim(left=0)


def losses(axis: Axes, curve: Curve) -> None:
    """A student's loss on what it trains on (dotted) and on held-out episodes; nothing of one that stays what it started from."""
    steps = [row["step"] for row in curve]
    axis.plot(steps, [row["train_loss"] for row in curve], ls=":", color=SECOND, label="training")
    axis.plot(steps, [row["validation_loss"] for row in curve], color=ACCENT, label="held out")
    axis.set(xlabel="optimizer steps", ylabel="loss a step")
    axis.set_xlim(left=0)
    if curve and all(row[key] > 0 for row in curve for key in ("train_loss", "validation_loss")):
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())


def actions(axis: Axes, recording: Recording) -> None:
    """Of choices the shares of what was chosen, by what the demonstrator would have done; of vectors entry against entry."""
    demonstrated, chosen = recording.steps["demonstrated_action"], recording.steps["action"]
    labels = recording.spec.action_labels
    if recording.spec.num_actions is not None:
        _confusion(axis, demonstrated, chosen, labels)
    else:
        every = max(1, len(chosen) // 2000)
        for entry, label in enumerate(labels):
            dots: dict[str, Any] = {
                "ms": 2,
                "mew": 0,
                "alpha": 0.5,
                "rasterized": True,
                "color": OPTION_COLOURS(entry % 10),
            }
            axis.plot(chosen[::every, entry], demonstrated[::every, entry], ".", **dots)
            if entry < MOST_LABELS:
                axis.plot([], [], "o", ms=4, color=OPTION_COLOURS(entry % 10), label=label)
        axis.legend(frameon=False, fontsize=7, handletextpad=0.2)
    axis.set(xlabel="chosen", ylabel="demonstrator's action")


def _confusion(axis: Axes, demonstrated: np.ndarray, chosen: np.ndarray, labels: tuple[str, ...]) -> None:
    counts = np.zeros((len(labels), len(labels)))
    np.add.at(counts, (demonstrated, chosen), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = np.zeros((*shares.shape, 4))
    cells[..., :3], cells[..., 3] = to_rgb(ACCENT), 0.75 * shares
    axis.imshow(cells, interpolation="nearest")
    if len(labels) <= MOST_LABELS:
        names = [label[:12] for label in labels]
        axis.set_xticks(range(len(labels)), names, rotation=30, ha="right", rotation_mode="anchor", fontsize=8)
        axis.set_yticks(range(len(labels)), names, fontsize=8)
        for (row, column), share in np.ndenumerate(shares):
            axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8)


def has_options(recording: Recording) -> bool:
    """Whether any step was under an option."""
    return bool((recording.steps["option"] != NO_OPTION).any())


def option_strips(axis: Axes, recording: Recording) -> None:
    """The option of the first agent over the time of a few episodes, a row each."""
    episodes = range(min(OPTION_EPISODES, len(recording.episodes["length"])))
    lengths, offsets = recording.episodes["length"], recording.offsets
    strips = np.full((len(episodes), lengths[: len(episodes)].max()), np.nan)
    for episode in episodes:
        rows = slice(offsets[episode], offsets[episode + 1], recording.spec.num_agents)
        strips[episode, : lengths[episode]] = recording.steps["option"][rows] % 10
    axis.imshow(strips, aspect="auto", interpolation="nearest", cmap="tab10", vmin=-0.5, vmax=9.5)
    axis.set(xlabel="step", ylabel="evaluation episode")
    _option_legend(axis, recording)


def option_paths(axis: Axes, recording: Recording) -> None:
    """Where in a few episodes which option was followed: x against y, else the environment's first two components.

    Of an environment with one component that component against the step.
    """
    names = list(recording.spec.components)
    across, up = (names.index("x"), names.index("y")) if {"x", "y"} <= set(names) else (0, min(1, len(names) - 1))
    end = recording.offsets[min(OPTION_EPISODES, len(recording.offsets) - 1)]
    observations, options = recording.steps["observation"][:end], recording.steps["option"][:end]
    along = recording.steps["step"][:end] if across == up else observations[:, across]
    colours = OPTION_COLOURS(options % 10)
    axis.scatter(along, observations[:, up], s=3, lw=0, c=colours, rasterized=True)
    axis.set(xlabel="step" if across == up else names[across], ylabel=names[up])
    _option_legend(axis, recording)


def _option_legend(axis: Axes, recording: Recording) -> None:
    for option in range(int(recording.steps["option"].max()) + 1):
        axis.plot([], [], "s", ms=5, color=OPTION_COLOURS(option % 10), label=f"option {option}")
    axis.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.2)


def calibration(axis: Axes, confidence: np.ndarray, right: np.ndarray) -> None:
    """How often a policy does what the demonstrator would, by how sure it is; arguments as in `calibration_error`."""
    expected, found, shares = _confidence_bins(confidence, right)
    axis.plot([0, 1], [0, 1], color=PALE, zorder=0)
    axis.plot(expected, found, color=ACCENT, lw=1)
    axis.scatter(expected, found, s=10 + 120 * shares, color=ACCENT, alpha=0.7, lw=0)
    axis.set(xlabel="probability of its action", ylabel="demonstrator agrees", xlim=(0, 1.04), ylim=(0, 1.04))


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, in ten bins of equal width (Guo et al. 2017, eq. 3).

    Args:
        confidence: (N,) probability of the likeliest action.
        right: (N,) whether the demonstrator agrees.
    """
    expected, found, shares = _confidence_bins(confidence, right)
    return float((shares * np.abs(expected - found)).sum())


def _confidence_bins(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(3, bins): mean confidence, accuracy and share of the steps, of the bins that hold any."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    inside = [bins == each for each in np.unique(bins)]
    return np.asarray([[confidence[each].mean(), right[each].mean(), each.mean()] for each in inside]).T


def value_bins(axis: Axes, expected: np.ndarray, found: np.ndarray) -> None:
    """Return to come, as expected and as it came: means in ten bins of equally many steps, (N,) each."""
    order = np.array_split(np.argsort(expected, kind="stable"), 10)
    means = np.asarray([[expected[part].mean(), found[part].mean()] for part in order if len(part)])
    axis.plot(means[:, 0], means[:, 1], "o-", ms=4, lw=1, color=ACCENT)
    axis.axline((float(means.min()), float(means.min())), slope=1, color=PALE, zorder=0)
    axis.set(xlabel="return expected to come", ylabel="return that came")
