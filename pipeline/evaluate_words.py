"""Stage evaluate_words@NAME-SEED: a policy plays games that nobody learned from. Writes data/evaluation/NAME/seed_SEED.

Each of its ways to play is a file: the plain one and the variants of its block, at each of the temperatures.
"""

from pathlib import Path

import numpy as np
import torch

from understudy.errors import DataError, ParameterError
from understudy.generation.player import PolicyPlayer
from understudy.models.registry import POLICY
from understudy.params.policies import PoliciesParams
from understudy.params.word_evaluation import WordEvaluationParams
from understudy.params.words import WordParams
from understudy.policies.build import check_play
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.stage import run_stage
from understudy.tasks.make import make_task
from understudy.tasks.play import Games, Player, play
from understudy.tasks.recording import spec_of
from understudy.tasks.task import TextTask
from understudy.utils.atomic import replace_folder
from understudy.utils.progress import progress_bar
from understudy.utils.provenance import check_origin
from understudy.word_evaluation.games_file import write_games

LOADS = (POLICY,)


def work(
    policy: str, seed: int, words: WordParams, policies: PoliciesParams, word_evaluation: WordEvaluationParams
) -> None:
    torch.set_num_threads(1)
    task, settings = make_task(words)
    folder = Path("models") / policy / f"seed_{seed}"
    trained, ways = load_trained(folder), word_evaluation.ways(policies.named(policy))
    check_origin(folder, trained.provenance, Path(f"data/columns/{policy}.json"))
    if trained.task.environment != spec_of(task, settings):
        raise DataError(f"{folder}: expected a policy of the task under words, got one of another; train it again")
    for way, (how, _) in ways.items():
        check_way(trained, how, f"policies.{policy}.play, as {way}")
    with replace_folder(Path("data/evaluation") / policy / f"seed_{seed}") as target:
        for way, (how, temperature) in ways.items():
            player = PolicyPlayer(trained, task, how, temperature)
            games = play_blocks(task, player, word_evaluation, f"{policy} {way}")
            write_games(target / f"{way}.parquet", task, games)
            mean = np.concatenate([block.returns for block in games]).mean()
            print(f"{policy} {way}, seed {seed}: mean return {mean:.2f}")


def check_way(trained: TrainedPolicy, how: dict[str, object], where: str) -> None:
    """Say what is wrong with the settings before anything is played."""
    check_play(trained.family, how, where)
    try:
        trained.model.begin(1, **how)
    except ValueError as error:
        raise ParameterError(f"{where}.{error}") from None


def play_blocks(task: TextTask, player: Player, params: WordEvaluationParams, title: str) -> list[Games]:
    """All games, so many side by side."""
    seeds, size = np.asarray(params.seeds), params.block_size
    games = []
    with progress_bar(len(seeds), title, "game") as bar:
        for begin in range(0, len(seeds), size):
            games.append(play(task, player, seeds[begin : begin + size]))
            bar.update(len(games[-1].seeds))
    return games


if __name__ == "__main__":
    run_stage(work, __doc__)
