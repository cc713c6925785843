"""Stage compare_words: policies and demonstrators on the same games. Writes metrics/summary.json and metrics/results.md."""

from pathlib import Path

import numpy as np

from understudy.errors import DataError
from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.params.word_evaluation import WordEvaluationParams
from understudy.rollouts.parquet import open_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import write_json
from understudy.word_evaluation.games_file import JudgedGames, read_games
from understudy.word_evaluation.table import format_table, summarise

METRICS = Path("metrics")


def work(policies: PoliciesParams, training: TrainingParams, word_evaluation: WordEvaluationParams) -> None:
    names = [player.name for player in word_evaluation.players]
    players = {name: read_judged(Path(f"data/players/{name}.parquet"), word_evaluation) for name in names}
    found, groups = {}, None
    for name, block in policies.items():
        folders = [Path("data/evaluation") / name / f"seed_{seed}" for seed in training.seeds]
        ways = word_evaluation.ways(block)
        games = {way: [read_judged(folder / f"{way}.parquet", word_evaluation) for folder in folders] for way in ways}
        found[name] = {way: np.stack([each.returns for each in of_way]) for way, of_way in games.items()}
        groups = next(iter(games.values()))[0].groups
    assert groups is not None  # there is a policy at least
    recorded = open_recording(Path("data/raw")).episodes["return"]
    of_players = {name: each.returns for name, each in players.items()}
    summary = summarise(recorded, of_players, found, groups, word_evaluation)
    write_json(METRICS / "summary.json", summary)
    table = format_table(summary)
    with replace_file(METRICS / "results.md") as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


def read_judged(path: Path, params: WordEvaluationParams) -> JudgedGames:
    """Games of the seeds that params.yaml names, in their order."""
    games = read_games(path)
    if games.seeds.tolist() != list(params.seeds):
        raise DataError(
            f"{path}: expected the games of word_evaluation, got others; run the stage again that writes them"
        )
    return games


if __name__ == "__main__":
    run_stage(work, __doc__)
