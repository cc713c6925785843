"""What a policy of several tasks scores where it is shown demonstrations, of tasks that it has learned and of others.

`draw.py FOLDER ...`, a folder a run whose task it has not learned. Writes results.md and results.png. A score is 0 for the random
player and 1 for the demonstrator; intervals are over training seeds and episodes, those of differences pair by pair.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot

from understudy.errors import DataError, ParameterError
from understudy.evaluation.statistics import Bootstrap, normalised_score
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams, PolicyParams
from understudy.params.tasks import TasksParams
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params
from understudy.report.charts import STYLE
from understudy.rollouts.parquet import read_recording
from understudy.utils.atomic import replace_file

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, seed=0)
GENERALIST, UNLEARNED, BASELINE = "prompted", "shown", "mlp"
EVALUATIONS = Path("data/evaluation")


@dataclass(frozen=True)
class Task:
    """What was returned in a task, raw; R training seeds, E episodes.

    Attributes:
        learned: whether the generalist has learned it.
        shown: (R, E) of the generalist, by the number of demonstrations that it was shown, ascending.
        baseline: (R, E) of the policy that has learned from the demonstrations of this task alone.
        expert: (1, E).
        random: (1, E).
    """

    learned: bool
    shown: dict[int, np.ndarray]
    baseline: np.ndarray
    expert: np.ndarray
    random: np.ndarray

    def score(self, returns: np.ndarray) -> tuple[float, float, float]:
        """The score of returns (R, E), with its interval."""
        value = normalised_score(returns.mean(axis=0), self.expert[0], self.random[0])
        interval = BOOTSTRAP.interval(normalised_score, returns, self.expert, self.random)
        return float(value), interval.low, interval.high

    def gain(self) -> tuple[float, float, float]:
        """By how much the score is higher with most demonstrations than with none, with its interval."""

        def difference(most: np.ndarray, none: np.ndarray, *references: np.ndarray, axis: int = -1) -> np.ndarray:
            return normalised_score(most, *references, axis=axis) - normalised_score(none, *references, axis=axis)

        most, none = self.shown[max(self.shown)], self.shown[0]
        value = difference(most.mean(axis=0), none.mean(axis=0), self.expert[0], self.random[0])
        interval = BOOTSTRAP.interval(difference, most, none, self.expert, self.random)
        return float(value), interval.low, interval.high


def read_task(folder: Path, played: Path, block: PolicyParams, seeds: list[int], learned: bool) -> Task:
    """What the evaluations have left: those of the generalist in `played`, the others in the task's own folder.

    Raises:
        DataError: a recording is missing or of other episodes.
    """
    ways = {"": block.plain_play} | block.play_variants
    counts = sorted((how.get("prompt", 0), way) for way, how in ways.items())
    own, of_baseline = folder / EVALUATIONS, load_params(folder / "params.yaml").training.seeds
    episodes = read_recording(own / "expert").episodes["seed"].tolist()

    def returns(*folders: Path) -> np.ndarray:
        return np.stack([_returns(each, episodes) for each in folders])

    shown = {count: returns(*(played / f"seed_{seed}" / way for seed in seeds)) for count, way in counts}
    baseline = returns(*(own / BASELINE / f"seed_{seed}" for seed in of_baseline))
    return Task(learned, shown, baseline, returns(own / "expert"), returns(own / "random"))


def _returns(folder: Path, played: list[int]) -> np.ndarray:
    """Of the episodes of these seeds, (E,): bootstraps draw those of all who played together."""
    episodes = read_recording(folder).episodes
    if episodes["seed"].tolist() != played:
        raise DataError(f"{folder}: expected the {len(played)} episodes of the expert's seeds, got others")
    return episodes["return"]


def format_table(tasks: dict[str, Task]) -> str:
    """A row a task, as Markdown."""
    counts = list(next(iter(tasks.values())).shown)
    header = ("task", "learned", f"{BASELINE} of this task", *(f"shown {count}" for count in counts), "difference")
    rows = [header, ("---", "---", *("---:",) * (len(counts) + 2))]
    for name, task in tasks.items():
        cells = [_cell(task.score(returns)) for returns in (task.baseline, *task.shown.values())]
        rows.append((name, "yes" if task.learned else "no", *cells, _cell(task.gain())))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cell(value: tuple[float, float, float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*value)


def draw(tasks: dict[str, Task], path: Path) -> None:
    """A group of points a task: the baseline, then the generalist by what it is shown."""
    counts = list(next(iter(tasks.values())).shown)
    labels = [f"{BASELINE} of this task", *(f"{GENERALIST}, shown {count}" for count in counts)]
    with pyplot.rc_context(STYLE):
        figure, axis = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
        for number, label in enumerate(labels):
            scores = [task.score([task.baseline, *task.shown.values()][number]) for task in tasks.values()]
            values = np.asarray(scores).T
            lengths = np.maximum(0, [values[0] - values[1], values[2] - values[0]])
            places = np.arange(len(tasks)) + 0.15 * (number - (len(labels) - 1) / 2)
            axis.errorbar(places, values[0], lengths, fmt="o", ms=4, capsize=3, label=label)
        axis.axhline(1.0, color="0.5", lw=1, ls="--", label="demonstrator", zorder=0)
        axis.set_xticks(
            range(len(tasks)), [name if task.learned else f"{name},\nnot learned" for name, task in tasks.items()]
        )
        axis.set_ylabel("score")
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, 0.8), max(high, 1.05))  # not all noise where all are as good as the demonstrator
        figure.legend(loc="outside lower center", ncols=5, frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def main(unlearned: list[str]) -> None:
    """Read, draw and write.

    Raises:
        DataError: a recording is missing.
        ParameterError: a folder has no policy that is the generalist as it is.
    """
    sections = {"tasks": TasksParams, "policies": PoliciesParams, "training": TrainingParams}
    params = load_sections(Path("params.yaml"), sections)
    block, seeds = params["policies"].named(GENERALIST), params["training"].seeds
    of_others = {name: load_params(Path(name) / "params.yaml") for name in unlearned}
    for name, own in of_others.items():
        if UNLEARNED not in own.policies.names or own.policies.named(UNLEARNED).play != block.play:
            raise ParameterError(f"{name}/params.yaml: expected policies.{UNLEARNED} with the play of {GENERALIST}")
    tasks = {
        name: read_task(Path(name), EVALUATIONS / name / GENERALIST, block, seeds, learned=True)
        for name in params["tasks"].names
    }
    for name, own in of_others.items():
        played = Path(name) / EVALUATIONS / UNLEARNED
        tasks[name] = read_task(Path(name), played, block, own.training.seeds, learned=False)
    table = format_table(tasks)
    with replace_file(Path("results.png")) as unfinished:
        draw(tasks, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
