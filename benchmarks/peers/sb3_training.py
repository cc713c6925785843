"""stable-baselines3's PPO on environments of its `make_vec_env`: environment steps a second, after a rollout that warms up.

--render-mode default leaves make_vec_env its own choice, rgb_array, under which LunarLander's exhaust collides.
"""

import argparse
import json
import time

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--render-mode", choices=("default", "none"), required=True)
    parser.add_argument("--hidden-sizes", type=int, nargs="+", required=True)
    parser.add_argument("--hyperparameters", type=json.loads, required=True, help="the block expert.ppo of params.yaml")
    given = parser.parse_args()
    arguments = dict(given.hyperparameters)
    num_environments, rate = arguments.pop("num_environments"), arguments.pop("learning_rate")
    linear = arguments.pop("schedule") == "linear"
    torch.set_num_threads(given.threads)
    for steps in (1, given.steps):
        begun = time.perf_counter()
        environments = make_vec_env(
            "LunarLander-v3",
            n_envs=num_environments,
            seed=0,
            env_kwargs=None if given.render_mode == "default" else {"render_mode": None},
        )
        model = PPO(
            "MlpPolicy",
            environments,
            seed=0,
            device="cpu",
            learning_rate=(lambda remaining: rate * remaining) if linear else rate,
            policy_kwargs={"net_arch": given.hidden_sizes, "activation_fn": torch.nn.ReLU},
            **arguments,
        )
        model.learn(steps)
    print(json.dumps({"steps_per_second": model.num_timesteps / (time.perf_counter() - begun)}))


if __name__ == "__main__":
    main()
