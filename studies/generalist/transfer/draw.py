"""Table and figure of what a generalist carries to new tasks, from their runs' summaries. Writes results.md and results.png.

`draw.py FOLDER ...`, a folder a run.

A policy starts from the generalist or from random weights, and learns from so many demonstrations for the same number of steps.
With none it is the generalist as it is, which can act only where a task has the observations and actions of one that it knows;
one that may be shown demonstrations stands beside it, shown none, one or five, from which it learns nothing.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.params.whole import load_params
from understudy.report.charts import STYLE
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

TITLES = {
    "mountain_car": "MountainCar-v0",
    "lander_wind": "LunarLander-v3 with wind",
    "lander_gravity": "LunarLander-v3 with a gravity of -5",
    "put_next_local": "PutNextLocal",
    "unseen_pairs": "GoToLocal, unseen pairs",
}
LINES = {True: "from the generalist", False: "from random weights"}
HEADER = ("task", "demonstrations", LINES[True], LINES[False], "difference")
FEW = 10  # demonstrations, at which the differences are summed up


@dataclass(frozen=True)
class Run:
    """What came of a task.

    Attributes:
        names: of the policies, by whether they start from the generalist and by the number of demonstrations.
        summary: of metrics/summary.json.
        shown: ways to play, by the number of demonstrations that are shown and not learned from.
    """

    names: dict[tuple[bool, int], str]
    summary: dict[str, Any]
    shown: dict[int, str] = field(default_factory=dict)

    @property
    def counts(self) -> list[int]:
        """Numbers of demonstrations, ascending."""
        return sorted({count for _, count in self.names})

    def score(self, tuned: bool, count: int) -> tuple[float, float, float] | None:
        """A policy's score with its interval; None where there is no such policy."""
        return self.score_of(self.names[tuned, count]) if (tuned, count) in self.names else None

    def score_of(self, way: str) -> tuple[float, float, float]:
        """The score of a way to play, with its interval."""
        row = self.summary[way]
        return row["score"], row["score_ci_low"], row["score_ci_high"]

    def difference(self, count: int) -> tuple[float, float, float] | None:
        """How much better it is to start from the generalist; None where one of the two is not there."""
        if (True, count) not in self.names or (False, count) not in self.names:
            return None
        row = self.summary["differences"][f"{self.names[True, count]} - {self.names[False, count]}"]
        return row["gain"], row["gain_ci_low"], row["gain_ci_high"]


def read_run(folder: Path) -> Run:
    """What params.yaml says of the policies, and what summary.json does.

    Raises:
        DataError: the summary lacks a policy or a difference.
    """
    path = folder / "metrics/summary.json"
    params, summary = load_params(folder / "params.yaml"), read_json(path)
    of_prompts = {name: block for name, block in params.policies.items() if block.model.get("prompt_steps")}
    learners = {
        name: block
        for name, block in params.policies.items()
        if block.demonstrations is not None and name not in of_prompts
    }
    shown = {block.plain_play.get("prompt", 0): name for name, block in of_prompts.items()}
    shown |= {
        how["prompt"]: f"{name}/{way}" for name, block in of_prompts.items() for way, how in block.play_variants.items()
    }
    names = {(block.starts_from is not None, block.demonstrations or 0): name for name, block in learners.items()}
    run = Run(names, summary, shown)
    for name in (*run.names.values(), *run.shown.values()):
        if name not in summary:
            raise DataError(f"{path}: expected an entry {name}, got none")
    for count in run.counts:
        pair = [run.names.get((tuned, count)) for tuned in LINES]
        if None not in pair and " - ".join(map(str, pair)) not in summary.get("differences", {}):
            raise DataError(f"{path}: expected a difference {pair[0]} - {pair[1]}, got none")
    return run


def format_table(runs: dict[str, Run]) -> str:
    """A row a task and number of demonstrations, and where the generalist helps, as Markdown."""
    rows = [HEADER, ("---", "---:", "---:", "---:", "---:")]
    for name, run in runs.items():
        for count in sorted({0, *run.counts}):
            scores = [_cell(run.score(tuned, count)) for tuned in LINES]
            if count == 0:
                scores = [scores[0] or "cannot act: none of its tasks has these observations and actions", ""]
            rows.append((TITLES[name], str(count), *scores, _cell(run.difference(count))))
        rows += [
            (TITLES[name], f"{count} shown, none learned from", _cell(run.score_of(way)), "", "")
            for count, way in run.shown.items()
        ]
    better = [TITLES[name] for name, run in runs.items() if (run.difference(FEW) or (0.0, 0.0, 0.0))[1] > 0]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return (
        f"{text}\n\nWith {FEW} demonstrations it is better to start from the generalist, by an interval above zero, in"
        f" {len(better)} of {len(runs)} tasks: {', '.join(better) or 'none'}.\n"
    )


def _cell(score: tuple[float, float, float] | None) -> str:
    return "" if score is None else "{:.3f} [{:.3f}, {:.3f}]".format(*score)


def draw(runs: dict[str, Run], path: Path) -> None:
    """A panel a task: score by number of demonstrations, a line a way to start; the generalist as it is, across."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(runs), figsize=(11, 3.6), layout="constrained", squeeze=False)
        for axis, (name, run) in zip(axes[0], runs.items(), strict=True):
            _panel(axis, run)
            axis.set_title(fill(TITLES[name], 20))
            axis.set_xlabel("demonstrations")
        axes[0, 0].set_ylabel("score")
        handles = {
            label: line for axis in axes[0] for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _panel(axis: Axes, run: Run) -> None:
    counts = [count for count in run.counts if count > 0]
    for (tuned, label), style in zip(LINES.items(), ("C0-o", "C1-s"), strict=True):
        known = [(place, run.score(tuned, count)) for place, count in enumerate(counts)]
        drawn = [(place, score) for place, score in known if score is not None]
        values = np.asarray([score for _, score in drawn]).reshape(-1, 3).T
        lengths = np.maximum(0, [values[0] - values[1], values[2] - values[0]])
        axis.errorbar([place for place, _ in drawn], values[0], lengths, fmt=style, ms=4, capsize=3, label=label)
    unchanged = run.score(True, 0)
    if unchanged is not None:
        axis.axhline(unchanged[0], color="C0", lw=1, ls=":", label="the generalist as it is")
        axis.axhspan(*unchanged[1:], color="C0", alpha=0.12, lw=0)
    for (count, way), style in zip(run.shown.items(), (":", "-.", "--"), strict=False):
        axis.axhline(run.score_of(way)[0], color="C2", lw=1, ls=style, label=f"shown {count}, learned from none")
    axis.axhline(1.0, color="0.5", lw=1, ls="--", label="demonstrator", zorder=0)
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, 0.8), max(high, 1.05))  # a panel is not all noise where all are as good as the demonstrator
    axis.set_xticks(range(len(counts)), [str(count) for count in counts])


def main(names: list[str]) -> None:
    """Read, draw and write.

    Raises:
        DataError: a summary lacks something.
        ParameterError: a name is none of TITLES, or there is none.
    """
    if not names or not set(names) <= TITLES.keys():
        raise ParameterError(f"expected folders among {', '.join(TITLES)}, got {' '.join(names) or 'none'}")
    runs = {name: read_run(Path(name)) for name in names}
    table = format_table(runs)
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
