"""The study's table and figure: one model for all tasks beside a specialist for each. Writes results.md and results.png.

A score is (policy - random) / (expert - random) of the task. Over all tasks it is the interquartile mean over tasks and
trainings, and what the generalist reaches of it is told as a share of what the specialists reach. Intervals are over training
seeds and episodes, drawn anew for each task. A second table has the share of episodes that returned more than 0, in the tasks
that --success names.
"""

import argparse
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")

from matplotlib import pyplot

from understudy.errors import DataError, ParameterError
from understudy.evaluation.statistics import Bootstrap
from understudy.evaluation.tasks import TaskReturns, mean_score, relative_score
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.tasks import TasksParams
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params
from understudy.report.charts import STYLE
from understudy.rollouts.parquet import read_recording
from understudy.utils.atomic import replace_file

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, seed=0)
ALL = "all tasks"

Returns = dict[str, dict[str, TaskReturns]]  # by policy and task


def specialists_of(tasks: list[str]) -> list[str]:
    """Names of the policies that every task's own params.yaml has, in the order of the first."""
    first, *others = (load_params(Path(task) / "params.yaml").policies.names for task in tasks)
    return [name for name in first if all(name in names for names in others)]


def read_returns(tasks: list[str], generalists: list[str], specialists: list[str], seeds: list[int]) -> Returns:
    """What generalists and specialists returned in each task, those of a specialist's name as "NAME alone".

    Raises:
        DataError: a recording is missing or of other seeds.
    """
    returns: Returns = {f"{name}": {} for name in generalists}
    for task in tasks:
        folder = Path(task)
        played = read_recording(folder / "data/evaluation/expert").episodes["seed"].tolist()
        expert, random = (_returns(folder / "data/evaluation" / name, played) for name in ("expert", "random"))
        of_specialists = load_params(folder / "params.yaml").training.seeds
        of_task = {name: Path("data/evaluation") / task / name for name in generalists}
        of_task |= {f"{name} alone": folder / "data/evaluation" / name for name in specialists}
        for name, place in of_task.items():
            own = seeds if name in generalists else of_specialists
            policy = np.stack([_returns(place / f"seed_{seed}", played) for seed in own])
            returns.setdefault(name, {})[task] = TaskReturns(policy, expert, random)
    return returns


def _returns(folder: Path, played: list[int]) -> np.ndarray:
    """Of the episodes of these seeds, (E,): bootstraps draw those of all who played together."""
    episodes = read_recording(folder).episodes
    if episodes["seed"].tolist() != played:
        raise DataError(f"{folder}: expected the {len(played)} episodes of the expert's seeds, got others")
    return episodes["return"]


def scores(returns: Returns) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Score with its interval, by policy and task, and over all tasks."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name, tasks in returns.items():
        groups = {task: [each] for task, each in tasks.items()} | {ALL: list(tasks.values())}
        found[name] = {}
        for task, group in groups.items():
            value, interval = mean_score(group, BOOTSTRAP)
            found[name][task] = (value, interval.low, interval.high)
    return found


def format_table(returns: Returns, generalists: list[str], beside: str) -> str:
    """A row a policy, and below what each generalist reaches of the score of the specialists `beside` it, as Markdown."""
    found = scores(returns)
    tasks = [*next(iter(returns.values())), ALL]
    text = _markdown("policy", tasks, {name: [_cell(*row[task]) for task in tasks] for name, row in found.items()})
    if found[beside][ALL][1] <= 0:
        return text + f"\n{beside} is not above the random actor, so that nothing is a share of its score.\n"
    for name in generalists:
        share, interval = relative_score(list(returns[name].values()), list(returns[beside].values()), BOOTSTRAP)
        text += f"\n{name}: {_cell(share, interval.low, interval.high)} of the score of {beside} over all tasks.\n"
    return text


def format_successes(returns: Returns, tasks: list[str]) -> str:
    """The share of episodes that returned more than 0, a row a policy, with the demonstrator's at the end, as Markdown."""
    rows = {name: [(row[task].policy > 0).mean() for task in tasks] for name, row in returns.items()}
    rows["demonstrator"] = [(next(iter(returns.values()))[task].expert > 0).mean() for task in tasks]
    return _markdown("success", tasks, {name: [f"{share:.3f}" for share in row] for name, row in rows.items()})


def _markdown(title: str, heads: list[str], rows: dict[str, list[str]]) -> str:
    lines = [[title, *heads], ["---", *["---:"] * len(heads)], *([name, *cells] for name, cells in rows.items())]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def draw(returns: Returns, path: Path) -> None:
    """A group of bars a task, a bar a policy, with intervals."""
    found = scores(returns)
    tasks = [*next(iter(returns.values())), ALL]
    with pyplot.rc_context(STYLE):
        figure, axis = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
        width = 0.8 / len(found)
        for number, (name, row) in enumerate(found.items()):
            values = np.asarray([row[task] for task in tasks]).T
            places = np.arange(len(tasks)) + (number - (len(found) - 1) / 2) * width
            errors = np.maximum(0, [values[0] - values[1], values[2] - values[0]])
            axis.bar(places, values[0], width, yerr=errors, label=name, error_kw={"lw": 0.8})
        axis.axhline(1.0, color="0.4", lw=0.8, ls="--")
        axis.set_xticks(np.arange(len(tasks)), tasks)
        axis.set_ylabel("score")
        axis.legend(ncols=len(found), loc="upper center", bbox_to_anchor=(0.5, 1.15), frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def main() -> None:
    """Read, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", default="coarse", help="the specialists that generalists are measured by")
    parser.add_argument(
        "--success",
        nargs="+",
        default=[],
        metavar="TASK",
        help="tasks of a table of episodes that returned more than 0",
    )
    given = parser.parse_args()
    sections = {"tasks": TasksParams, "policies": PoliciesParams, "training": TrainingParams}
    params = load_sections(Path("params.yaml"), sections)
    specialists = specialists_of(params["tasks"].names)
    if given.beside not in specialists:
        known = ", ".join(specialists) or "none"
        raise ParameterError(f"--beside: expected a specialist that every task has, of {known}, got {given.beside!r}")
    if unknown := [name for name in given.success if name not in params["tasks"].names]:
        known = ", ".join(params["tasks"].names)
        raise ParameterError(f"--success: expected tasks of {known}, got {', '.join(unknown)}")
    returns = read_returns(params["tasks"].names, params["policies"].names, specialists, params["training"].seeds)
    table = format_table(returns, params["policies"].names, f"{given.beside} alone")
    if given.success:
        table += "\n" + format_successes(returns, given.success)
    with replace_file(Path("results.png")) as unfinished:
        draw(returns, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
