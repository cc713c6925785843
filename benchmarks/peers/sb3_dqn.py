"""stable-baselines3's DQN from scratch: environment steps a second, learning included, and what it then returns, by seed."""

import argparse
import json
import time

import gymnasium
import torch
from stable_baselines3 import DQN


def play(model: DQN, seeds: range) -> list[float]:
    """The return of each seed's episode, greedily."""
    environment = gymnasium.make("LunarLander-v3", disable_env_checker=True)
    returns = []
    for seed in seeds:
        observation, total, over = environment.reset(seed=seed)[0], 0.0, False
        while not over:
            action = int(model.predict(observation, deterministic=True)[0])
            observation, reward, terminated, truncated, _ = environment.step(action)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True, help="environment steps")
    parser.add_argument("--hyperparameters", type=json.loads, required=True, help="of the algorithm")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True, help="of the training")
    parser.add_argument("--first-seed", type=int, required=True, help="of the evaluation's episodes")
    parser.add_argument("--episodes", type=int, required=True, help="of the evaluation; 0 for none")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    environment = gymnasium.make("LunarLander-v3", disable_env_checker=True)
    model = DQN("MlpPolicy", environment, seed=given.seed, device="cpu", **given.hyperparameters)
    begun = time.perf_counter()
    model.learn(given.steps)
    seconds = time.perf_counter() - begun
    seeds = range(given.first_seed, given.first_seed + given.episodes)
    figures = {"steps_per_second": model.num_timesteps / seconds, "seeds": list(seeds)}
    print(json.dumps(figures | {"returns": [play(model, seeds)]}))


if __name__ == "__main__":
    main()
