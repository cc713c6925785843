"""The study's table and figure: what students score by the expert's share of the episodes. Writes results.md and results.png."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from pydantic import BaseModel

from understudy.errors import DataError, ParameterError
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.rollouts import FINISHED, RolloutParams
from understudy.report.charts import STYLE
from understudy.report.table import with_interval
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json

LANDER = "../returns/lander"  # recorded alike, of whose students some are ours
RUNS = ("share_06", LANDER, "share_60")
SECTIONS: dict[str, type[BaseModel]] = {"policies": PoliciesParams, "rollouts": RolloutParams}
STUDENTS = ("bc", "bc_long", "bc_10", "dt")
COLOURS = pyplot.colormaps["tab10"]


@dataclass(frozen=True)
class Run:
    """A run of the pipeline: the share of its episodes that the finished expert played, and entries of summary.json by policy."""

    share: float
    students: dict[str, dict[str, Any]]
    differences: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """
        Raises:
            DataError: a policy has no entry.
        """
        params, summary = load_sections(folder / "params.yaml", SECTIONS), read_json(folder / "metrics/summary.json")
        names = [name for name in STUDENTS if name in params["policies"].root]
        missing = [name for name in names if name not in summary]
        if missing:
            raise DataError(f"{folder / 'metrics/summary.json'}: expected an entry {missing[0]}, got none")
        students = {name: summary[name] for name in names}
        return cls(expert_share(params["rollouts"]), students, summary.get("differences", {}))


def expert_share(rollouts: RolloutParams) -> float:
    """Share of the recorded episodes that the finished expert plays without noise."""
    good = [player for player in rollouts.players if player.snapshot == FINISHED and not player.noise]
    return sum(player.episodes for player in good) / rollouts.episodes


def format_table(runs: list[Run]) -> str:
    """Scores as Markdown, a row a share and a column a policy; then a sentence a difference."""
    header = ("the expert's share", "training seeds", *(f"{name} [interval]" for name in STUDENTS))
    lines = [header, ("---:",) * len(header)]
    for run in runs:
        [seeds] = {entry["training_seeds"] for entry in run.students.values()}
        scores = [with_interval(run.students[name], "score") if name in run.students else "" for name in STUDENTS]
        lines.append((f"{100 * run.share:.1f} %", str(seeds), *scores))
    sentences = [
        f"- {100 * run.share:.1f} %, {pair}: {with_interval(each, 'gain')} of score"
        for run in runs
        for pair, each in run.differences.items()
        if {*pair.split(" - ")} <= {*STUDENTS}
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + "\n".join(sentences) + "\n"


def draw(runs: list[Run], path: Path) -> None:
    """A line a policy, with its intervals."""
    with pyplot.rc_context(STYLE):
        figure, axis = pyplot.subplots(figsize=(6, 4), layout="constrained")
        for number, name in enumerate(STUDENTS):
            shares = [run.share for run in runs if name in run.students]
            entries = [run.students[name] for run in runs if name in run.students]
            scores = np.asarray([entry["score"] for entry in entries])
            bounds = np.asarray([[entry["score_ci_low"], entry["score_ci_high"]] for entry in entries]).T
            colour = COLOURS(number)
            axis.errorbar(
                shares, scores, np.abs(bounds - scores), color=colour, marker="o", ms=4, capsize=2, label=name
            )
        axis.set(xlabel="the expert's share of the recorded episodes", ylabel="score", xlim=(0, 0.65))
        axis.legend(frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def main() -> None:
    """Read, draw and write."""
    runs = [Run.read(Path(name)) for name in RUNS]
    table = format_table(runs)
    with replace_file(Path("results.png")) as unfinished:
        draw(runs, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
