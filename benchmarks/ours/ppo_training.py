"""Our PPO expert with the hyperparameters of params.yaml: environment steps a second, after a rollout that warms up."""

import argparse
import json
import time
from pathlib import Path

from understudy.demonstrators.sb3 import train_expert
from understudy.params.whole import load_params


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True, help="a multiple of a rollout's steps")
    steps = parser.parse_args().steps
    params = load_params(Path("params.yaml"))
    for total_steps in (1, steps):
        begun = time.perf_counter()
        expert = params.expert.model_copy(update={"total_steps": total_steps})
        train_expert(params.environment, expert, processes=params.compute.workers)
    print(json.dumps({"steps_per_second": steps / (time.perf_counter() - begun)}))


if __name__ == "__main__":
    main()
