"""stable-baselines3's DQN and sb3-contrib's QR-DQN learn online, on the budget of our own ways. Writes peers.csv.

A row an evaluation: who, training seed, environment steps, and the mean return of greedy play on the evaluations' seeds.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import gymnasium
import torch
from sb3_contrib import QRDQN
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from tqdm import tqdm

from understudy.errors import DataError, ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.params.load import load_sections, read_yaml
from understudy.utils.csvfile import write_csv
from understudy.utils.progress import progress_bar

RUN = Path("mediocre")
ALGORITHMS = {"dqn": DQN, "qrdqn": QRDQN}
FALLING = ("qrdqn",)  # whose learning rate falls to zero
HEADER = ("name", "seed", "steps", "return_mean")


class Evaluations(BaseCallback):
    """Evaluates every so many environment steps, and moves the bar."""

    def __init__(self, every: int, evaluate: Callable[[Any], float], bar: "tqdm[NoReturn]") -> None:
        super().__init__()
        self.every, self.evaluate, self.bar = every, evaluate, bar
        self.rows: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        self.bar.update(1)
        if self.num_timesteps % self.every == 0:
            self.rows.append((self.num_timesteps, self.evaluate(self.model)))
        return True


def greedy_return(model: Any, environment: gymnasium.Env, seeds: range) -> float:
    """Mean return over the seeds."""
    total = 0.0
    for seed in seeds:
        observation, over = environment.reset(seed=seed)[0], False
        while not over:
            action = int(model.predict(observation, deterministic=True)[0])
            observation, reward, terminated, truncated, _ = environment.step(action)
            total, over = total + float(reward), terminated or truncated
    return total / len(seeds)


def learn(
    name: str, seed: int, settings: Mapping[str, Any], environment: EnvironmentParams, bar: "tqdm[NoReturn]"
) -> list[tuple[int, float]]:
    """A training from one seed; (environment steps, mean return) of its evaluations."""
    own = dict(settings[name])
    rate = own.pop("learning_rate")
    first = settings["evaluation_first_seed"]
    seeds = range(first, first + settings["evaluation_episodes"])

    def make() -> gymnasium.Env:
        return gymnasium.make(environment.id, disable_env_checker=True, **environment.kwargs)

    evaluations = Evaluations(settings["evaluate_every"], lambda model: greedy_return(model, make(), seeds), bar)
    schedule = (lambda remaining: rate * remaining) if name in FALLING else rate
    model = ALGORITHMS[name]("MlpPolicy", make(), learning_rate=schedule, seed=seed, device="cpu", **own)
    model.learn(settings["steps"], callback=evaluations)
    return evaluations.rows


def main() -> None:
    """Train each with each seed, and write."""
    environment = load_sections(RUN / "params.yaml", {"environment": EnvironmentParams})["environment"]
    settings = read_yaml(Path("peers.yaml"))
    torch.set_num_threads(settings["threads"])
    rows = []
    with progress_bar(len(ALGORITHMS) * len(settings["seeds"]) * settings["steps"], "peers", "step") as bar:
        for name in ALGORITHMS:
            for seed in settings["seeds"]:
                rows += [(name, seed, *row) for row in learn(name, seed, settings, environment, bar)]
    write_csv(Path("peers.csv"), HEADER, rows)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"peers: {error}")
