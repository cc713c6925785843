"""Our PPO expert with the hyperparameters of params.yaml, checkpoints as in `dvc repro`; snapshots go to --folder."""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.peers.snapshots import Snapshots
from understudy.demonstrators import sb3
from understudy.demonstrators.fast_ppo import FastPPO
from understudy.params.whole import load_params


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--every", type=int, required=True, help="environment steps between two snapshots")
    parser.add_argument("--folder", required=True)
    given = parser.parse_args()

    class WatchedPPO(FastPPO):
        def learn(self, total_timesteps, callback, **arguments):
            return super().learn(total_timesteps, [callback, Snapshots(given.folder, given.every)], **arguments)

    sb3.ALGORITHMS["ppo"] = WatchedPPO
    params = load_params(Path("params.yaml"))
    expert = params.expert.model_copy(update={"seed": given.seed, "total_steps": given.steps})
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "training.safetensors"
        sb3.train_expert(params.environment, expert, checkpoint, processes=params.compute.workers)
    print(
        json.dumps({"folder": given.folder, "activation": expert.activation, "hidden_sizes": list(expert.hidden_sizes)})
    )


if __name__ == "__main__":
    main()
