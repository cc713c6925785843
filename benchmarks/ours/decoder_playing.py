"""Our decoder, or another policy of a transformer, plays whole episodes on one thread; then the bare environment replays their
actions: steps a second of both.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from understudy.environments.make import make_again
from understudy.environments.play import play
from understudy.episode import Episode
from understudy.interface import Task
from understudy.params.whole import load_params
from understudy.policies.actor import PolicyActor, load_actor
from understudy.step import Step

DECODER, FIRST_SEED = Path("models/decoder/seed_0"), 3_100_000
TOKENS_PER_STEP = {"action_transformer": 2, "decision_transformer": 3}


def replay(environment, episodes: list[Episode]) -> float:
    """Seconds that one environment takes for the same episodes when all actions are known."""
    begun = time.perf_counter()
    for episode in episodes:
        environment.reset(seed=episode.seed)
        for action in episode.actions.tolist():
            environment.step(action)
    return time.perf_counter() - begun


def first_step(task: Task, observations: np.ndarray) -> Step[np.ndarray]:
    """What B rows are told where episodes begin with these observations (B, S)."""
    rows = len(observations)
    previous = np.zeros(rows, np.int64) if task.discrete_actions else np.zeros((rows, task.action_dim), np.float32)
    return Step(observations, previous, np.zeros(rows, np.float32), np.ones(rows, bool))


def work_per_step(actor: PolicyActor, rows: int, precision: str) -> dict[str, float]:
    """Floating-point operations of a row's step, and the bytes of keys and values that it has to read."""
    task = actor.policy.task
    actor.start(rows)
    actor.reset(np.arange(rows), np.arange(rows))
    with FlopCounterMode(display=False) as counter:
        actor.act(first_step(task, np.zeros((rows, task.environment.state_dim), dtype=np.float32)))
    config = actor.policy.config
    heads = config.get("num_kv_heads") or config["num_heads"]
    width = config["embed_dim"] // config["num_heads"] * heads  # of a token's keys, and of its values
    numbers = 2 * config["num_layers"] * TOKENS_PER_STEP[actor.policy.family] * config["context"] * width
    return {
        "flops_per_step": counter.get_total_flops() / rows,
        "bytes_per_step": getattr(torch, precision).itemsize * numbers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--run", type=Path, default=Path(), help="folder of the pipeline's run")
    parser.add_argument("--policy", default="decoder")
    given = parser.parse_args()
    params = load_params(given.run / "params.yaml")
    weights = given.run / "models" / given.policy / f"seed_{params.training.seeds[0]}"
    actor = load_actor(weights, params.policies.named(given.policy).plain_play, given.precision)
    spec = actor.policy.task.environment
    environments = [make_again(spec) for _ in range(given.rows)]
    seeds = range(FIRST_SEED, FIRST_SEED + given.episodes)
    play(actor, environments, seeds[:1])
    begun = time.perf_counter()
    episodes = play(actor, environments, seeds)
    seconds = time.perf_counter() - begun
    steps = sum(episode.length for episode in episodes)
    figures = {
        "steps_per_second": steps / seconds,
        "bare_steps_per_second": steps / replay(environments[0], episodes),
    }
    print(json.dumps(figures | work_per_step(actor, given.rows, given.precision)))


if __name__ == "__main__":
    main()
