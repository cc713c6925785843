"""Which share of the best episodes filtered behavioural cloning had better imitate. Writes chosen.csv beside this file.

The policies of all shares play the same episodes of development, by which no result is told; the share whose mean return over the
training seeds is the highest is chosen, a run each.
"""

import sys
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel

from understudy.environments.make import make_again
from understudy.environments.play import play
from understudy.errors import DataError, ParameterError
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.policies.actor import load_actor
from understudy.utils.csvfile import write_csv
from understudy.utils.progress import progress_bar

RUNS = ("lander", "pendulum")
SECTIONS: dict[str, type[BaseModel]] = {"policies": PoliciesParams, "training": TrainingParams}
LOADS = ("action_transformer",)
SEEDS = range(2_000_000, 2_000_100)
HEADER = ("run", "policy", "best_returns", "return_mean", "chosen")


def mean_return(folder: Path) -> float:
    """Of the policy in a folder, on the seeds of development."""
    actor = load_actor(folder)
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(actor.policy.task.environment))) for _ in SEEDS]
        episodes = play(actor, environments, SEEDS)
    return float(np.mean([episode.total_return for episode in episodes]))


def main() -> None:
    """Play and write."""
    torch.set_num_threads(1)  # an episode's tensors are tiny
    params = {run: load_sections(Path(run) / "params.yaml", SECTIONS) for run in RUNS}
    shares = {
        run: {name: block.best_returns for name, block in of_run["policies"].items() if block.best_returns is not None}
        for run, of_run in params.items()
    }
    rows = []
    count = sum(len(shares[run]) * len(params[run]["training"].seeds) for run in RUNS)
    with progress_bar(count, "choosing", "policy") as bar:
        for run, of_run in params.items():
            found: dict[str, list[float]] = {name: [] for name in shares[run]}
            for name, returns in found.items():
                for seed in of_run["training"].seeds:
                    returns.append(mean_return(Path(run) / "models" / name / f"seed_{seed}"))
                    bar.update()
            means = {name: float(np.mean(returns)) for name, returns in found.items()}
            best = max(means, key=lambda name: means[name])
            rows += [(run, name, shares[run][name], mean, int(name == best)) for name, mean in means.items()]
    write_csv(Path("chosen.csv"), HEADER, rows)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"choose: {error}")
