"""What Wordle's demonstrators return on the games of docs/howto/words.md, and how many guesses a second they play.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.words
"""

import time

import numpy as np

from understudy.tasks.play import Games, Player, play
from understudy.tasks.word_list import WORDS
from understudy.tasks.word_players import consistent_player, entropy_player
from understudy.tasks.wordle import Wordle

SIZES, GAMES, TURNS = (100, 430, 2000), 4096, 6


def players(task: Wordle) -> dict[str, Player]:
    """The demonstrators by their names in the table."""
    return {
        "random": consistent_player(task, 0.0, "any"),
        "consistent, rate 0.5": consistent_player(task, 0.5, "any"),
        "consistent, rate 1": consistent_player(task, 1.0, "any"),
        "greedy_entropy": entropy_player(task),
    }


def described(games: Games, seconds: float, letters: int) -> str:
    """Mean return with half a 95 % interval, and guesses a second."""
    half = 1.96 * games.returns.std(ddof=1) / np.sqrt(len(games.returns))
    return f"{games.returns.mean():.2f} +- {half:.2f}, {games.lengths.sum() / letters / seconds:,.0f} a second"


def main() -> None:
    print("| player |" + "".join(f" {size} words |" for size in SIZES) + "\n|---|" + "---|" * len(SIZES))
    tasks = [Wordle(WORDS.split()[:size], TURNS, words_only=True, marks_name_letters=False) for size in SIZES]
    for name in players(tasks[0]):
        cells = []
        for task in tasks:
            player = players(task)[name]
            begun = time.perf_counter()
            games = play(task, player, np.arange(GAMES))
            cells.append(described(games, time.perf_counter() - begun, task.turn_length))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
