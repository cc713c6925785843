"""Stage evaluate_word_players: demonstrators play the games that policies are judged on. Writes data/players."""

from pathlib import Path

import numpy as np

from understudy.params.word_evaluation import WordEvaluationParams
from understudy.params.words import WordParams
from understudy.stage import run_stage
from understudy.tasks.make import make_player, make_task
from understudy.tasks.play import play
from understudy.utils.atomic import replace_folder
from understudy.word_evaluation.games_file import write_games


def work(words: WordParams, word_evaluation: WordEvaluationParams) -> None:
    task, _ = make_task(words)
    with replace_folder(Path("data/players")) as target:
        for player in word_evaluation.players:
            games = play(task, make_player(task, player), np.asarray(word_evaluation.seeds))
            write_games(target / f"{player.name}.parquet", task, [games])
            print(f"{player.name}: mean return {games.returns.mean():.2f}")


if __name__ == "__main__":
    run_stage(work, __doc__)
