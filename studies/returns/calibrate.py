"""What policies that act for a return get, against what they are asked for. Writes calibration.csv beside this file.

Each is played at every target by every training seed on the same episodes, with its likeliest actions.
"""

import sys
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch

from understudy.environments.make import make_again
from understudy.environments.play import play
from understudy.errors import DataError, ParameterError
from understudy.params.whole import load_params
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.utils.csvfile import write_csv
from understudy.utils.progress import progress_bar

RUNS = ("lander", "pendulum")
FAMILIES = ("decision_transformer", "rvs")
TARGETS = 9  # evenly over what the training episodes returned, from the fifth to the ninety-fifth of a hundred
EPISODES = 50
HEADER = ("run", "policy", "seed", "target", "return_mean", "episodes")


def calibrate(trained: TrainedPolicy, target: float, seeds: range) -> float:
    """Mean return of the episodes of these seeds, for a policy that is asked for `target`."""
    actor = PolicyActor(trained, {"target_return": target})
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(trained.task.environment))) for _ in seeds]
        episodes = play(actor, environments, seeds)
    return float(np.mean([episode.total_return for episode in episodes]))


def main() -> None:
    """Play and write."""
    torch.set_num_threads(1)  # an episode's tensors are tiny
    params = {run: load_params(Path(run) / "params.yaml") for run in RUNS}
    asked = [
        (run, name, seed)
        for run, of_run in params.items()
        for name, block in of_run.policies.items()
        if block.family in FAMILIES
        for seed in of_run.training.seeds
    ]
    rows = []
    with progress_bar(len(asked) * TARGETS, "calibration", "target") as bar:
        for run, name, seed in asked:
            trained = load_trained(Path(run) / "models" / name / f"seed_{seed}")
            quantiles = trained.task.return_quantiles
            for target in np.linspace(quantiles[5], quantiles[95], TARGETS).round(1).tolist():
                returned = calibrate(trained, target, params[run].evaluation.seeds[:EPISODES])
                rows.append((run, name, seed, target, returned, EPISODES))
                bar.update()
    write_csv(Path("calibration.csv"), HEADER, rows)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"calibrate: {error}")
