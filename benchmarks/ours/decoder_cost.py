"""What a step of our decoder costs without its environment, on one thread: by step of the episode, and by context."""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.formats import native_formats
from benchmarks.ours.decoder_playing import DECODER, first_step, work_per_step
from understudy.policies.actor import load_actor
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.step import Step

WARM_UP = 10
PRECISION = native_formats()[-1]


def with_context(policy: TrainedPolicy, context: int) -> TrainedPolicy:
    """The same policy looking back on `context` steps; no weight depends on that number."""
    config = policy.config | {"context": context}
    model = build_model(policy.family, config, policy.interface, "decoder")
    model.load_state_dict(policy.model.state_dict())
    return replace(policy, model=model, config=config)


def microseconds(policy: TrainedPolicy, rows: int, steps: int) -> list[float]:
    """Time of each step of one episode, for one row."""
    with tempfile.TemporaryDirectory() as folder:
        save_policy(policy, Path(folder))
        actor = load_actor(Path(folder), precision=PRECISION)
    observations = np.random.default_rng(0).normal(size=(rows, policy.task.environment.state_dim)).astype(np.float32)
    times = []
    for counted in (WARM_UP, steps):
        actor.start(rows)
        actor.reset(np.arange(rows), np.arange(rows))
        times, step = [], first_step(policy.task, observations)
        for _ in range(counted):
            begun = time.perf_counter()
            decision = actor.act(step)
            times.append(1e6 * (time.perf_counter() - begun) / rows)
            step = Step(observations, decision.actions, step.previous_reward, np.zeros(rows, bool))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--length", type=int, required=True, help="steps of the long episode")
    parser.add_argument("--window", type=int, required=True, help="steps of it that make one point")
    parser.add_argument("--contexts", type=int, nargs="+", required=True)
    parser.add_argument("--steps", type=int, required=True, help="steps played with each context")
    given = parser.parse_args()
    policy = load_trained(DECODER)
    times = microseconds(policy, given.rows, given.length)
    starts = range(0, given.length, given.window)
    by_step = [[start, statistics.median(times[start : start + given.window])] for start in starts]
    by_context = [
        [context, statistics.median(microseconds(with_context(policy, context), given.rows, given.steps))]
        for context in given.contexts
    ]
    figures = {"by_step": by_step, "by_context": by_context, "first": by_step[0][1], "last": by_step[-1][1]}
    actor = load_actor(DECODER, precision=PRECISION)
    print(json.dumps(figures | work_per_step(actor, given.rows, PRECISION)))


if __name__ == "__main__":
    main()
