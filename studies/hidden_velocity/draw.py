"""The study's table and figure from the summaries of its two runs. Writes results.md and results.png beside this file.

A line of the figure is a way to see speed without seeing it: with or without differences of states, with or without action
dropout. Differences of further orders are points, at two contexts. The expert and what has no context are drawn across.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.params.whole import load_params
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

RUNS = {"few": "10 demonstrations", "many": "200 demonstrations"}
PANELS = {
    "score": "score",
    "copy_rate": "share of steps that\nrepeat the last action",
    "change_accuracy": "accuracy at changes",
}
LINES = {(0, False): "C0-", (0, True): "C0:", (1, False): "C1-", (1, True): "C1:", (2, False): "C2", (3, False): "C4"}
ORDERS = ("no differences", "differences", "differences of orders 1 and 2", "differences of orders 1 to 3")
ACROSS = {"expert": "0.3", "mlp": "0.7", "mlp_differences": "C3"}
HEADER = (
    "demonstrations",
    "context",
    "differences",
    "dropout",
    "score [interval]",
    "steps repeating",
    "accuracy",
    "at changes",
)

Run = list[dict[str, Any]]


def read_run(folder: Path) -> Run:
    """One row a policy: what params.yaml says of it and what summary.json does; the expert first, then the students."""
    params, summary = load_params(folder / "params.yaml"), read_json(folder / "metrics" / "summary.json")
    missing = [name for name in ("expert", *params.policies.names) if name not in summary]
    if missing:
        raise DataError(f"{folder / 'metrics/summary.json'}: expected an entry {missing[0]}, got none")
    settings = {"expert": {}} | {name: policy.model for name, policy in params.policies.items()}
    return [{"name": name} | setting | summary[name] for name, setting in settings.items()]


def format_table(runs: dict[str, Run]) -> str:
    """All rows of all runs as Markdown."""
    rows = [_cells(RUNS[run].split()[0], row) for run, rows in runs.items() for row in rows]
    lines = [HEADER, ("---:",) * len(HEADER), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(demonstrations: str, row: dict[str, Any]) -> tuple[str, ...]:
    dropout = f"{row['action_dropout']:g}" if "context" in row else ""
    setting = (str(row.get("context", row["name"])), str(row.get("state_differences", "")), dropout)
    score = f"{row['score']:.3f} [{row['score_ci_low']:.3f}, {row['score_ci_high']:.3f}]"
    shares = ("copy_rate", "action_accuracy", "change_accuracy")
    return (demonstrations, *setting, score, *("" if row.get(key) is None else f"{row[key]:.3f}" for key in shares))


def draw(runs: dict[str, Run], path: Path) -> None:
    """One column of panels a run, one row of panels a number."""
    with pyplot.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = pyplot.subplots(
            len(PANELS), len(runs), figsize=(9, 7.5), layout="constrained", sharex=True, sharey="row", squeeze=False
        )
        for column, (run, rows) in enumerate(runs.items()):
            for axis, key in zip(axes[:, column], PANELS, strict=True):
                _panel(axis, rows, key)
            axes[0, column].set_title(RUNS[run])
            axes[-1, column].set_xlabel("context, steps")
        for axis, label in zip(axes[:, 0], PANELS.values(), strict=True):
            axis.set_ylabel(label)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _panel(axis: Axes, rows: Run, key: str) -> None:
    contexts = sorted({row["context"] for row in rows if "context" in row})
    for (orders, dropout), style in LINES.items():
        chosen = [row for row in rows if "context" in row and row[key] is not None]
        chosen = [row for row in chosen if (row["state_differences"], row["action_dropout"] > 0) == (orders, dropout)]
        chosen.sort(key=lambda row: row["context"])
        places, values = [contexts.index(row["context"]) for row in chosen], [row[key] for row in chosen]
        label = ORDERS[orders] + (", action dropout" if dropout else "")
        bars = _interval(chosen) if key == "score" else None
        axis.errorbar(places, values, yerr=bars, fmt=f"{style}o", markersize=3, capsize=3, label=label)
    for row in rows:
        if "context" not in row and row.get(key) is not None:
            axis.axhline(row[key], color=ACROSS[row["name"]], lw=1, ls="--", label=row["name"], zorder=0)
    axis.set_xticks(range(len(contexts)), [str(context) for context in contexts])


def _interval(rows: Run) -> np.ndarray:
    """Lengths of the bars below and above each score, (2, rows)."""
    lengths = [(row["score"] - row["score_ci_low"], row["score_ci_high"] - row["score"]) for row in rows]
    return np.maximum(np.transpose(lengths), 0.0)


def main() -> None:
    here = Path()
    runs = {run: read_run(here / run) for run in RUNS}
    table = format_table(runs)
    with replace_file(here / "results.png") as unfinished:
        draw(runs, unfinished)
    with replace_file(here / "results.md") as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
