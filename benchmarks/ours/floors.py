"""What the machine can do at best: bare environment steps a second, bytes a second copied, floating-point operations a second.

Everything is measured for a given time rather than a given amount, so that a slow machine takes no longer than a fast one.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch

from benchmarks.formats import native_formats
from understudy.environments.make import make_environment
from understudy.params.whole import load_params

COPIED_BYTES, SIZE, LEAST_REPEATS, STEPS_BETWEEN_LOOKS, SECONDS_TO_JOIN = 256 * 2**20, 1024, 3, 1000, 60
together: Barrier  # of the processes that step an environment at the same time


def seconds(work: Callable[[], object], limit: float) -> float:
    """Median time of a call among those of `limit` seconds, three at least, the first one not counted."""
    work()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or sum(times) < limit:
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def copy_rate(limit: float) -> float:
    """Bytes a second, read and written, of a copy far larger than the caches."""
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8)
    target = torch.zeros_like(source)
    return 2 * COPIED_BYTES / seconds(lambda: target.copy_(source), limit)


def gemm_rate(dtype: torch.dtype, limit: float) -> float:
    """Floating-point operations a second of a square matrix product."""
    left, right = torch.randn(SIZE, SIZE).to(dtype), torch.randn(SIZE, SIZE).to(dtype)
    return 2 * SIZE**3 / seconds(lambda: torch.mm(left, right), limit)


def environment_rate(limit: float, wait: Callable[[], object] = lambda: None) -> float:
    """Steps a second of one bare environment under random actions for `limit` seconds after `wait`, resets included."""
    environment = load_params(Path("params.yaml")).environment
    bare = make_environment(environment.id, environment.kwargs)
    bare.action_space.seed(0)
    actions = [bare.action_space.sample() for _ in range(STEPS_BETWEEN_LOOKS)]
    bare.reset(seed=0)
    wait()
    begun, steps = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begun) < limit:
        for action in actions:
            _, _, terminated, truncated, _ = bare.step(action)
            if terminated or truncated:
                bare.reset()
        steps += len(actions)
    return steps / elapsed


def two_environments_rate(limit: float) -> float:
    """Steps a second of two processes together, each with a bare environment of its own, that begin at the same time."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn, initializer=_join, initargs=(spawn.Barrier(2),)) as pool:
        return sum(pool.map(_rate_together, [limit] * 2))


def _join(barrier: Barrier) -> None:
    global together
    together = barrier


def _rate_together(limit: float) -> float:
    return environment_rate(limit, lambda: together.wait(SECONDS_TO_JOIN))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, required=True, help="for the bare environment; the rest takes a third each"
    )
    limit = parser.parse_args().seconds
    rates = {"environment": environment_rate(limit), "environments_2": two_environments_rate(limit)}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rates[f"bytes_{threads}"] = copy_rate(limit / 3)
        for name in native_formats():
            rates[f"{name}_{threads}"] = gemm_rate(getattr(torch, name), limit / 3)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
