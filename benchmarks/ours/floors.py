"""What the machine can do at best: bare environment steps a second, bytes a second copied, floating-point operations a second."""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from understudy.environments.make import make_environment
from understudy.params import load_params

COPIED_BYTES, SIZE, REPEATS, SECONDS_TO_BEGIN = 512 * 2**20, 2048, 7, 10


def seconds(work: Callable[[], None]) -> float:
    """Median time of a call, the first one not counted."""
    times = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def copy_rate() -> float:
    """Bytes a second, read and written, of a copy far larger than the caches."""
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8)
    target = torch.zeros_like(source)
    return 2 * COPIED_BYTES / seconds(lambda: target.copy_(source))


def gemm_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of a square matrix product."""
    left, right = torch.randn(SIZE, SIZE).to(dtype), torch.randn(SIZE, SIZE).to(dtype)
    return 2 * SIZE**3 / seconds(lambda: torch.mm(left, right))


def environment_rate(steps: int, start: float = 0.0) -> float:
    """Steps a second of one bare environment under random actions from the time `start` on, resets included."""
    environment = load_params(Path("params.yaml")).environment
    bare = make_environment(environment.id, environment.kwargs)
    bare.action_space.seed(0)
    actions = [bare.action_space.sample() for _ in range(steps)]
    bare.reset(seed=0)
    time.sleep(max(0.0, start - time.time()))
    begun = time.perf_counter()
    for action in actions:
        _, _, terminated, truncated, _ = bare.step(action)
        if terminated or truncated:
            bare.reset()
    return steps / (time.perf_counter() - begun)


def two_environments_rate(steps: int) -> float:
    """Steps a second of two processes together, each with a bare environment of its own, that begin at the same time."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(environment_rate, [steps] * 2, [time.time() + SECONDS_TO_BEGIN] * 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True, help="steps of the bare environment")
    steps = parser.parse_args().steps
    rates = {"environment": environment_rate(steps), "environments_2": two_environments_rate(steps)}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rates[f"bytes_{threads}"] = copy_rate()
        rates[f"float32_{threads}"] = gemm_rate(torch.float32)
        rates[f"bfloat16_{threads}"] = gemm_rate(torch.bfloat16)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
