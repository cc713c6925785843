"""Stage report_words: everything about a run of games in text on one page. Writes metrics/report.html."""

from pathlib import Path

import torch

from understudy.params.policies import PoliciesParams
from understudy.params.training import TrainingParams
from understudy.params.words import WordParams
from understudy.policies.files import load_trained
from understudy.report.page import page
from understudy.report.plots import read_curves
from understudy.stage import run_stage
from understudy.tasks.make import make_task
from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import read_json
from understudy.word_evaluation.games_file import read_games
from understudy.word_evaluation.report import Run, sections

LOADS = ("ALL_FAMILIES",)
SUMMARY, TARGET = Path("metrics/summary.json"), Path("metrics/report.html")


def work(words: WordParams, policies: PoliciesParams, training: TrainingParams) -> None:
    torch.set_num_threads(1)
    task, _ = make_task(words)
    summary, seed = read_json(SUMMARY), training.seeds[0]
    folders = {name: f"{name}/seed_{seed}" for name in policies.names}
    ways = {name: summary[name]["ways_chosen"][0] for name in policies.names}
    run = Run(
        task,
        {name: summary[name] for name in sorted(summary, key=lambda name: (name in ways, summary[name]["return"]))},
        {name: load_trained(Path("models") / folder) for name, folder in folders.items()},
        read_curves(Path(), policies.names, seed),
        {name: read_games(Path("data/evaluation") / folders[name] / f"{way}.parquet") for name, way in ways.items()},
    )
    said = f"{len(policies.names)} policies, each trained from {len(training.seeds)} seeds. Curves and games are of seed {seed}."
    with replace_file(TARGET) as unfinished:
        unfinished.write_text(page(f"understudy: {words.task}", said, sections(run)), encoding="utf-8")
    print(f"{TARGET} is there")


if __name__ == "__main__":
    run_stage(work, __doc__)
