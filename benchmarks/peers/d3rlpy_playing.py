"""d3rlpy's stateful actor, which takes one row, plays in one environment on one thread: environment steps a second.

Its weights are fresh: their values do not change what a step costs.
"""

import argparse
import json
import time

import gymnasium
import torch
from d3rlpy.algos import GreedyTransformerActionSampler

from benchmarks.peers.d3rlpy_training import make_algorithm

FIRST_SEED = 3_100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    algorithm = make_algorithm(64, given.context)
    algorithm.create_impl((8,), 4)
    actor = algorithm.as_stateful_wrapper(target_return=280.0, action_sampler=GreedyTransformerActionSampler())
    environment = gymnasium.make("LunarLander-v3", disable_env_checker=True)
    seed, (observation, _), reward = FIRST_SEED, environment.reset(seed=FIRST_SEED), 0.0
    actor.predict(observation, reward)  # the first call takes longer
    actor.reset()
    begun = time.perf_counter()
    for _ in range(given.steps):
        observation, reward, terminated, truncated, _ = environment.step(int(actor.predict(observation, reward)))
        if terminated or truncated:
            seed, reward = seed + 1, 0.0
            observation, _ = environment.reset(seed=seed)
            actor.reset()
    print(json.dumps({"steps_per_second": given.steps / (time.perf_counter() - begun)}))


if __name__ == "__main__":
    main()
