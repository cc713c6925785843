"""Games a second that a policy of games in text plays on one core, weights untrained, by how many are played side by side.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.generation
"""

import time

import numpy as np
import torch

from understudy.generation.player import PolicyPlayer
from understudy.interface import raw_interface
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.tasks.play import play
from understudy.tasks.recording import spec_of
from understudy.tasks.wordle import Wordle, word_list

FAMILIES, SIDE_BY_SIDE, ROUNDS = ("language_bc", "language_q"), (64, 256, 512, 1024), 5
SIZES = {"embed_dim": 64, "num_layers": 2, "num_heads": 4, "hidden_dim": 256, "max_seq_len": 30}


def games_per_second(family: str, games: int, rounds: int) -> float:
    """The median over rounds, each of so many games of six turns at most."""
    task = Wordle(word_list(100), max_turns=6, words_only=True, marks_name_letters=True)
    interface = raw_interface(spec_of(task, {}))
    torch.manual_seed(0)
    policy = TrainedPolicy(build_model(family, SIZES, interface, family).eval(), family, SIZES, interface)
    seconds = []
    for number in range(rounds + 1):
        begun = time.perf_counter()
        play(task, PolicyPlayer(policy, task, {}, temperature=1.0), np.arange(games) + number * games)
        seconds.append(time.perf_counter() - begun)
    return games / float(np.median(seconds[1:]))  # the first is to warm up


def main() -> None:
    torch.set_num_threads(1)
    print("| family |" + "".join(f" {count} |" for count in SIDE_BY_SIDE) + "\n|---|" + "---:|" * len(SIDE_BY_SIDE))
    for family in FAMILIES:
        cells = [f"{games_per_second(family, count, ROUNDS):,.0f}" for count in SIDE_BY_SIDE]
        print(f"| {family} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
