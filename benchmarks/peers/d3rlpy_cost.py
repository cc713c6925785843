"""What a step of d3rlpy's stateful actor costs without its environment, on one row and one thread: by step and by context."""

import argparse
import json
import statistics
import time

import numpy as np
import torch
from d3rlpy.algos import GreedyTransformerActionSampler

from benchmarks.peers.d3rlpy_training import make_algorithm


def microseconds(context: int, steps: int) -> list[float]:
    """Time of each step of one episode."""
    algorithm = make_algorithm(64, context)
    algorithm.create_impl((8,), 4)
    actor = algorithm.as_stateful_wrapper(target_return=280.0, action_sampler=GreedyTransformerActionSampler())
    observation = np.random.default_rng(0).normal(size=8).astype(np.float32)
    times = []
    for _ in range(steps):
        begun = time.perf_counter()
        actor.predict(observation, 0.0)
        times.append(1e6 * (time.perf_counter() - begun))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, required=True, help="steps of the long episode")
    parser.add_argument("--window", type=int, required=True, help="steps of it that make one point")
    parser.add_argument("--contexts", type=int, nargs="+", required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps played with each context")
    given = parser.parse_args()
    torch.set_num_threads(1)
    times = microseconds(20, given.length)
    starts = range(0, given.length, given.window)
    by_step = [[start, statistics.median(times[start : start + given.window])] for start in starts]
    by_context = [[context, statistics.median(microseconds(context, given.steps))] for context in given.contexts]
    print(json.dumps({"by_step": by_step, "by_context": by_context}))


if __name__ == "__main__":
    main()
