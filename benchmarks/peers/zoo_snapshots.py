"""rl-baselines3-zoo trains PPO on LunarLander-v3 by its own command and its own hyperparameters; snapshots go to --folder.

Only its evaluations in between are switched off, since evaluating does not count.
"""

import argparse
import json
import sys
import tempfile

from rl_zoo3.train import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--every", type=int, required=True, help="environment steps between two snapshots")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--folder", required=True)
    given = parser.parse_args()
    snapshots = {"benchmarks.peers.snapshots.Snapshots": {"folder": given.folder, "every": given.every}}
    with tempfile.TemporaryDirectory() as logs:
        sys.argv = ["train", "--algo", "ppo", "--env", "LunarLander-v3", "--eval-freq", "-1", "--log-folder", logs]
        sys.argv += ["--n-timesteps", str(given.steps), "--seed", str(given.seed), "--device", "cpu"]
        sys.argv += ["--num-threads", str(given.threads), "--hyperparams", f"callback:[{snapshots}]"]
        train()
    print(json.dumps({"folder": given.folder, "activation": "tanh", "hidden_sizes": [64, 64]}))


if __name__ == "__main__":
    main()
