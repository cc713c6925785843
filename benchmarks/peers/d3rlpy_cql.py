"""d3rlpy's DiscreteCQL by its own `fit`: transitions learned from a second, and what it then returns, greedily, by seed."""

import argparse
import json
import time
from pathlib import Path

import d3rlpy
import gymnasium
import numpy as np
import torch
from d3rlpy.algos import DiscreteCQL
from d3rlpy.logging import NoopAdapterFactory

from benchmarks.peers.d3rlpy_training import as_dataset
from benchmarks.peers.demonstrations import Demonstrations, read

WARM_UP = 5


def return_std(demonstrations: Demonstrations) -> float:
    """Of the returns-to-go, by which rewards are divided, as ours are."""
    to_go, first = [], 0
    for length in demonstrations.lengths:
        rewards = demonstrations.rewards[first : first + length].astype(np.float64)
        to_go.append(rewards[::-1].cumsum())
        first += length
    return float(np.concatenate(to_go).std())


def make_algorithm(settings: dict, scale: float) -> DiscreteCQL:
    config = d3rlpy.algos.DiscreteCQLConfig(
        batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"],
        gamma=settings["gamma"],
        n_critics=settings["n_critics"],
        target_update_interval=settings["target_update_interval"],
        alpha=settings["alpha"],
        encoder_factory=d3rlpy.models.encoders.VectorEncoderFactory(hidden_units=settings["hidden_units"]),
        observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(),
        reward_scaler=d3rlpy.preprocessing.MultiplyRewardScaler(1 / scale),
    )
    return config.create(device="cpu:0")


def play(algorithm: DiscreteCQL, seeds: range) -> list[float]:
    """The return of each seed's episode."""
    environment = gymnasium.make("LunarLander-v3", disable_env_checker=True)
    returns = []
    for seed in seeds:
        observation, total, over = environment.reset(seed=seed)[0], 0.0, False
        while not over:
            action = int(algorithm.predict(observation[None])[0])
            observation, reward, terminated, truncated, _ = environment.step(action)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=Path, required=True, help="file of those of the episodes to learn from")
    parser.add_argument("--hyperparameters", type=json.loads, required=True, help="of model and training")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True, help="of the training")
    parser.add_argument("--first-seed", type=int, required=True, help="of the evaluation's episodes")
    parser.add_argument("--episodes", type=int, required=True, help="of the evaluation; 0 for none")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    d3rlpy.seed(given.seed)
    demonstrations, settings = read(given.raw, given.seeds), given.hyperparameters
    algorithm, times = make_algorithm(settings, return_std(demonstrations)), []
    steps = WARM_UP + settings["steps"]
    algorithm.fit(
        as_dataset(demonstrations),
        n_steps=steps,
        n_steps_per_epoch=steps,
        logger_adapter=NoopAdapterFactory(),
        show_progress=False,
        callback=lambda *_: times.append(time.perf_counter()),
    )
    seconds = (times[-1] - times[WARM_UP - 1]) / settings["steps"]
    seeds = range(given.first_seed, given.first_seed + given.episodes)
    figures = {"steps_per_second": settings["batch_size"] / seconds, "seeds": list(seeds)}
    print(json.dumps(figures | {"returns": [play(algorithm, seeds)]}))


if __name__ == "__main__":
    main()
