"""A policy of ours learns online from scratch: environment steps a second, learning included, evaluations left out."""

import argparse
import json
import time
from pathlib import Path

import torch

from understudy.improvement.run import ImprovementRun, Work
from understudy.params.whole import load_params
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.sequences.store import open_sequences

SEQUENCES = Path("data/processed/sequences")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the pipeline's run")
    parser.add_argument("--name", required=True, help="a block of `improvement:` in its params.yaml")
    parser.add_argument("--steps", type=int, required=True, help="environment steps")
    parser.add_argument("--folder", type=Path, required=True, help="an empty one, for what it collects")
    given = parser.parse_args()
    params, recorded = load_params(given.run / "params.yaml"), open_sequences(given.run / SEQUENCES, "train")
    if params.improvement is None:
        parser.error(f"--run: expected a params.yaml with `improvement:`, got {given.run} without")
    block = params.improvement.named(given.name)
    policy = params.policies.named(block.policy)
    training = params.training.of_policy(policy.training, block.policy).of_policy(block.training, given.name)
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seeds[0])
    model = build_model(policy.family, policy.model, recorded.interface, block.policy)
    trained = TrainedPolicy(model, policy.family, policy.model, recorded.interface)
    asked = {"steps": given.steps, "evaluate_every": 2 * given.steps, "evaluation_episodes": 1}
    block = block.model_copy(update=asked)
    run = ImprovementRun(
        Work(trained, recorded, block, training, policy.plain_play, training.seeds[0], given.name), given.folder
    )
    begun = time.perf_counter()
    while not run.finished:
        run.round()
        run.save()
    print(json.dumps({"steps_per_second": run.counts.steps / (time.perf_counter() - begun)}))


if __name__ == "__main__":
    main()
