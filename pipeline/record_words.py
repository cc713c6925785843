"""Stage record_words: demonstrators play a task in text, their games become a recording. Writes data/raw."""

import itertools
from pathlib import Path

import numpy as np

from understudy.params.words import WordParams
from understudy.rollouts.own import check_own
from understudy.rollouts.parquet import write_recording
from understudy.stage import run_stage
from understudy.tasks.make import make_player, make_task
from understudy.tasks.play import Games, play
from understudy.tasks.recording import as_episodes, spec_of
from understudy.tasks.task import TextTask
from understudy.utils.atomic import replace_folder

TARGET, DEMONSTRATOR = Path("data/raw"), "words"
NORMAL = 1.96  # standard errors on either side of a mean that hold 95 %


def work(words: WordParams) -> None:
    task, settings = make_task(words)
    check_own(TARGET, DEMONSTRATOR)
    played = play_all(task, words)
    episodes = (as_episodes(task, games, player) for player, games in enumerate(played))
    names = [player.name for player in words.players]
    with replace_folder(TARGET) as folder:
        write_recording(folder, spec_of(task, settings), DEMONSTRATOR, itertools.chain.from_iterable(episodes), names)
    for name, games in zip(names, played, strict=True):
        print(f"{name}: {described(games)}")


def play_all(task: TextTask, words: WordParams) -> list[Games]:
    """The games of each player, on the seeds after those of the players before it."""
    ends = words.first_seed + np.cumsum([player.games for player in words.players])
    seeds = [np.arange(end - player.games, end) for player, end in zip(words.players, ends, strict=True)]
    return [play(task, make_player(task, each), own) for each, own in zip(words.players, seeds, strict=True)]


def described(games: Games) -> str:
    """How many there are, and the mean return with its interval."""
    returns = games.returns
    error = NORMAL * returns.std() / np.sqrt(len(returns))
    mean = returns.mean()
    return f"{len(returns)} games, mean return {mean:.2f} [{mean - error:.2f}, {mean + error:.2f}]"


if __name__ == "__main__":
    run_stage(work, __doc__)
