"""Environment steps a second: training each student in float32 and bfloat16, and playing it beside the bare environment.

Run from the root of the repository, after `make repro`: python benchmarks/throughput.py
Training uses the default batches and threads, loader included. Playing uses one process, one thread, one block of rows; the bare
environment is stepped with random actions. A row gives medians over rounds that alternate.
"""

import statistics
import time
from pathlib import Path

import torch

from understudy.demonstrators.random import RandomActor
from understudy.environments.make import make_environment
from understudy.environments.play import play
from understudy.options.labels import with_labels
from understudy.params import load_params
from understudy.policy import build_model, load_actor
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import open_sequences
from understudy.training.run import TrainingRun

ROUNDS, BATCHES, ROWS = 5, 20, 100
PARAMS = load_params(Path("params.yaml"))


def training_rate(name: str, precision: str) -> float:
    policy, training = PARAMS.policies[name], open_sequences(Path("data/processed/sequences"), "train")
    if policy.learns_from == "options":
        training = with_labels(training, Path("data/processed/options"), "train")
    params = PARAMS.training.model_copy(update={"precision": precision})
    torch.set_num_threads(params.threads)
    model = build_model(policy.family, policy.config(False), training.spec, training.normalisation, name)
    run = TrainingRun(model, SequenceDataset(training, params.chunk_length, params.batch_size), params)
    run.advance()
    begun = time.perf_counter()
    for _ in range(BATCHES):
        run.advance()
    return BATCHES * params.batch_size * params.chunk_length / (time.perf_counter() - begun)


def playing_rate(actor) -> float:
    environments = [make_environment(PARAMS.environment.id, PARAMS.environment.kwargs) for _ in range(ROWS)]
    begun = time.perf_counter()
    episodes = play(actor, environments, range(5_000_000, 5_000_000 + ROWS))
    return sum(episode.length for episode in episodes) / (time.perf_counter() - begun)


def bare_rate() -> float:
    environment = make_environment(PARAMS.environment.id, PARAMS.environment.kwargs)
    environment.reset(seed=0)
    begun, steps = time.perf_counter(), 20_000
    for _ in range(steps):
        _, _, terminated, truncated, _ = environment.step(environment.action_space.sample())
        if terminated or truncated:
            environment.reset()
    return steps / (time.perf_counter() - begun)


def main() -> None:
    print("| policy | training, float32 | training, bfloat16 | ratio |\n|---|---|---|---|")
    for name in PARAMS.policies:
        rounds = [(training_rate(name, "float32"), training_rate(name, "bfloat16")) for _ in range(ROUNDS)]
        single, half = (statistics.median(rates) for rates in zip(*rounds, strict=True))
        print(f"| {name} | {single:,.0f} | {half:,.0f} | {statistics.median(b / a for a, b in rounds):.2f} |")
    print("\n| actor | playing | share of the bare environment |\n|---|---|---|")
    spec = load_actor(Path("models/expert")).policy.spec
    actors = {"bare environment": None, "random": RandomActor(spec)}
    actors |= {name: load_actor(Path("models") / name) for name in ("expert", *PARAMS.policies)}
    rates = {name: [] for name in actors}
    for _ in range(ROUNDS):
        for name, actor in actors.items():
            rates[name].append(playing_rate(actor) if actor else bare_rate())
    bare = rates["bare environment"]
    for name, rounds in rates.items():
        share = statistics.median(rate / base for rate, base in zip(rounds, bare, strict=True))
        print(f"| {name} | {statistics.median(rounds):,.0f} | {share:.2f} |")


if __name__ == "__main__":
    main()
