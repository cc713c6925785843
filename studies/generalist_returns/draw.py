"""What a policy of several tasks returns against what it is asked for. Writes results.md and results.png.

Its ways to play are a target each: a quantile of the task's training returns, or an expert's. Beside it stand the same model
that is told no return, and a specialist that is. Intervals are over training seeds and episodes.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.evaluation.statistics import Bootstrap
from understudy.nn.return_conditioning import resolve_target
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.tasks import TasksParams
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params
from understudy.policies.files import load_trained
from understudy.report.charts import STYLE
from understudy.rollouts.parquet import read_recording
from understudy.utils.atomic import replace_file

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, seed=0)
TOLD, UNTOLD, SPECIALIST = "coarse_returns", "coarse", "dt"
EXPERT = "expert"
HEADER = ("task", "asked for", "which is", TOLD, f"{SPECIALIST} alone", UNTOLD, "demonstrator")
LINES = {TOLD: "C0-o", f"{SPECIALIST} alone": "C1-s"}


@dataclass(frozen=True)
class Task:
    """What was asked for in a task, and what came of it.

    Attributes:
        targets: raw return by way to play, ascending; None for an expert's, which comes last.
        returned: (R, E) of training seeds and episodes, by policy and way.
        untold: (R, E) of the policy that is told no return.
        demonstrator: (1, E).
    """

    targets: dict[str, float | None]
    returned: dict[str, dict[str, np.ndarray]]
    untold: np.ndarray
    demonstrator: np.ndarray


def read_task(name: str, number: int, policies: PoliciesParams, seeds: list[int]) -> Task:
    """What the evaluations of the task's folder `name`, the model's task of this number, have left.

    Raises:
        DataError: a recording is missing, or the specialist was asked for something else.
    """
    block, folder = policies.named(TOLD), Path(name)
    specialist = load_params(folder / "params.yaml")
    if specialist.policies.named(SPECIALIST).play != block.play:
        raise DataError(f"{folder}/params.yaml: policies.{SPECIALIST}.play: expected that of {TOLD}, got another one")
    quantiles = load_trained(Path("models") / TOLD / f"seed_{seeds[0]}").interface.tasks[number].return_quantiles
    ways = {"": block.plain_play} | block.play_variants
    asked = {way: how["target_return"] for way, how in ways.items()}
    targets = targets_of(asked, quantiles)
    played = Path("data/evaluation") / name
    places = {
        TOLD: (played / TOLD, seeds),
        f"{SPECIALIST} alone": (folder / "data/evaluation" / SPECIALIST, specialist.training.seeds),
    }
    returned = {
        policy: {way: _returns([place / f"seed_{seed}" / way for seed in own]) for way in targets}
        for policy, (place, own) in places.items()
    }
    untold = _returns([played / UNTOLD / f"seed_{seed}" for seed in seeds])
    return Task(targets, returned, untold, _returns([folder / "data/evaluation" / EXPERT]))


def targets_of(asked: dict[str, Any], quantiles: Sequence[float]) -> dict[str, float | None]:
    """The raw return that each way asks for, ascending, equal ones by their quantiles; None for an expert's, which comes last.

    Args:
        asked: `target_return` by way.
        quantiles: of the task's training returns, ascending.
    """
    targets = {way: resolve_target(target, quantiles) for way, target in asked.items() if target != EXPERT}
    shares = {way: asked[way]["quantile"] if isinstance(asked[way], dict) else 0.0 for way in targets}
    ordered = sorted(targets, key=lambda way: (targets[way], shares[way]))
    experts = [way for way, target in asked.items() if target == EXPERT]
    return {way: targets[way] for way in ordered} | dict.fromkeys(experts)


def _returns(folders: list[Path]) -> np.ndarray:
    return np.stack([read_recording(folder).episodes["return"] for folder in folders])


def mean_return(returns: np.ndarray) -> tuple[float, float, float]:
    """Mean of returns (R, E), with its interval."""
    interval = BOOTSTRAP.interval(np.mean, returns)
    return float(returns.mean()), interval.low, interval.high


def format_table(tasks: dict[str, Task], policies: PoliciesParams) -> str:
    """A row a task and target, as Markdown."""
    rows = [HEADER, ("---", "---", *("---:",) * (len(HEADER) - 2))]
    ways = {"": policies.named(TOLD).plain_play} | policies.named(TOLD).play_variants
    for name, task in tasks.items():
        for way, target in task.targets.items():
            cells = [_cell(of_policy[way]) for of_policy in task.returned.values()]
            which = "" if target is None else f"{target:.1f}"
            rows.append((name, _said(ways[way]["target_return"]), which, *cells, "", ""))
        rows.append((name, "nothing", "", "", "", _cell(task.untold), _cell(task.demonstrator)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _said(target: object) -> str:
    return f"quantile {target['quantile']:g}" if isinstance(target, dict) else str(target)


def _cell(returns: np.ndarray) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*mean_return(returns))


def draw(tasks: dict[str, Task], path: Path) -> None:
    """A panel a task: return by target; what is asked of an expert, and what needs no target, across."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(1, len(tasks), figsize=(9, 3.6), layout="constrained", squeeze=False)
        for axis, (name, task) in zip(axes[0], tasks.items(), strict=True):
            _panel(axis, task)
            axis.set_title(name)
            axis.set_xlabel("return asked for")
        axes[0, 0].set_ylabel("return")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _panel(axis: Axes, task: Task) -> None:
    targets = {way: target for way, target in task.targets.items() if target is not None}
    places = list(targets.values())
    axis.plot(places, places, color="0.6", lw=0.8, zorder=0, label="what is asked for")
    for policy, style in LINES.items():
        values = np.asarray([mean_return(task.returned[policy][way]) for way in targets]).T
        lengths = np.maximum(0, [values[0] - values[1], values[2] - values[0]])
        axis.errorbar(places, values[0], lengths, fmt=style, ms=4, capsize=3, label=policy)
        for way in task.targets.keys() - targets.keys():
            asked = mean_return(task.returned[policy][way])[0]
            axis.axhline(asked, color=style[:2], lw=1, ls=":", label=f"{policy}, an expert's")
    axis.axhline(task.untold.mean(), color="C2", lw=1, ls="--", label=f"{UNTOLD}, told nothing")
    axis.axhline(task.demonstrator.mean(), color="0.4", lw=0.8, ls="--", label="demonstrator")


def main() -> None:
    """Read, draw and write."""
    sections = {"tasks": TasksParams, "policies": PoliciesParams, "training": TrainingParams}
    params = load_sections(Path("params.yaml"), sections)
    policies, seeds = params["policies"], params["training"].seeds
    tasks = {name: read_task(name, number, policies, seeds) for number, name in enumerate(params["tasks"].names)}
    table = format_table(tasks, policies)
    with replace_file(Path("results.png")) as unfinished:
        draw(tasks, unfinished)
    with replace_file(Path("results.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"draw: {error}")
