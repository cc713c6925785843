"""What policies that act for a return get, against what they are asked for. Writes calibration.csv beside this file.

Each is asked for every target by every training seed on the same episodes: acting by its likeliest actions, by drawn ones, and
corrected, which is by the actions and the told target that got what is asked for on other episodes.
"""

import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from sklearn.isotonic import IsotonicRegression

from understudy.environments.make import make_again
from understudy.environments.play import play
from understudy.errors import DataError, ParameterError
from understudy.params.compute import ComputeParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.step import Decision, Step
from understudy.utils.csvfile import write_csv
from understudy.utils.progress import progress_bar

RUNS = ("lander", "pendulum")
SECTIONS: dict[str, type[BaseModel]] = {
    "compute": ComputeParams,
    "evaluation": EvaluationParams,
    "policies": PoliciesParams,
    "training": TrainingParams,
}
LOADS = ("decision_transformer", "rvs")
TARGETS = 9  # evenly over what the training episodes returned, from the fifth to the ninety-fifth of a hundred
TOLD = 12  # targets that are told to find the correction, over a range wider by BEYOND of it on either side
BEYOND = 0.25
EPISODES = 100
DEVELOPMENT = range(
    2_000_000, 2_000_000 + EPISODES
)  # seeds by which the correction is found; those of evaluation are others
LIKELIEST, DRAWN, CORRECTED = "likeliest", "drawn", "corrected"
HEADER = ("run", "policy", "acts", "seed", "target", "return_mean", "episodes")


class DrawingActor(PolicyActor):
    """A policy that draws its actions from what it predicts, always in the same way."""

    def start(self, num_rows: int) -> None:
        super().start(num_rows)
        self.generator = torch.Generator().manual_seed(0)

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        return self.acting.act(step, self.generator)


ACTORS: dict[str, type[PolicyActor]] = {LIKELIEST: PolicyActor, DRAWN: DrawingActor}


def mean_return(trained: TrainedPolicy, acts: str, target: float, seeds: range) -> float:
    """Mean return of the episodes of these seeds, for a policy that is told `target`."""
    actor = ACTORS[acts](trained, {"target_return": target})
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(trained.task.environment))) for _ in seeds]
        episodes = play(actor, environments, seeds)
    return float(np.mean([episode.total_return for episode in episodes]))


@dataclass(frozen=True)
class Correction:
    """What to tell a policy, and how it is to act, so that it gets what is asked for.

    Attributes:
        told: (T,) float64, ascending targets.
        returned: (T,) mean returns for them by way of acting, which with noise rise.
    """

    told: np.ndarray
    returned: dict[str, np.ndarray]

    def of(self, asked: float) -> tuple[str, float]:
        """Way of acting and target by which the mean return lies closest to `asked`, on a line that only rises."""
        fine = np.linspace(self.told[0], self.told[-1], 20 * len(self.told))
        found = {}
        for acts, returned in self.returned.items():
            rising = IsotonicRegression().fit(self.told, returned).predict(fine)
            place = int(np.abs(rising - asked).argmin())
            found[acts] = (abs(float(rising[place]) - asked), float(fine[place]))
        acts = min(found, key=lambda acts: found[acts][0])
        return acts, found[acts][1]


def find_correction(trained: TrainedPolicy, ways: Sequence[str]) -> Correction:
    """Play on the development seeds with targets over a range wider than what was recorded."""
    low, high = bounds(trained)
    wider = BEYOND * (high - low)
    told = np.linspace(low - wider, high + wider, TOLD)
    returned = {
        acts: np.asarray([mean_return(trained, acts, float(target), DEVELOPMENT) for target in told]) for acts in ways
    }
    return Correction(told, returned)


def bounds(trained: TrainedPolicy) -> tuple[float, float]:
    """The fifth and the ninety-fifth of a hundred of what the training episodes returned."""
    quantiles = trained.task.return_quantiles
    return quantiles[5], quantiles[95]


def ask(run: str, name: str, seed: int, seeds: range) -> list[tuple[object, ...]]:
    """Rows of the table, of one policy of one training seed on the episodes of these seeds."""
    trained = load_trained(Path(run) / "models" / name / f"seed_{seed}")
    # Numbers learned by squared error have no spread to be drawn from.
    ways = [LIKELIEST, DRAWN] if trained.task.discrete_actions else [LIKELIEST]
    correction, rows = find_correction(trained, ways), []
    for target in np.linspace(*bounds(trained), TARGETS).round(1).tolist():
        told = {acts: (acts, target) for acts in ways} | {CORRECTED: correction.of(target)}
        for label, (acts, for_it) in told.items():
            returned = mean_return(trained, acts, for_it, seeds)
            rows.append((run, name, label, seed, target, returned, len(seeds)))
    return rows


def begin_worker() -> None:
    """Play on one thread, since an episode's tensors are tiny; what is told lies beyond what was seen on purpose."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "target_return")


def main() -> None:
    """Play and write."""
    params = {run: load_sections(Path(run) / "params.yaml", SECTIONS) for run in RUNS}
    asked = [
        (run, name, seed, of_run["evaluation"].seeds[:EPISODES])
        for run, of_run in params.items()
        for name, block in of_run["policies"].items()
        if block.family in LOADS
        for seed in of_run["training"].seeds
    ]
    rows = []
    with (
        progress_bar(len(asked), "calibration", "policy") as bar,
        ProcessPoolExecutor(params[RUNS[0]]["compute"].workers, get_context("fork"), begin_worker) as pool,
    ):
        for of_policy in pool.map(ask, *zip(*asked, strict=True)):
            rows += of_policy
            bar.update()
    write_csv(Path("calibration.csv"), HEADER, rows)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"calibrate: {error}")
