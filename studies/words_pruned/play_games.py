"""Stage play_games@NAME-SEED: a policy and what was made of it play games that nobody learned from. Writes
data/evaluation/NAME/seed_SEED.

They are the games by which the project that trained it judges, and each plays in all the ways of its block there, a file a way.
"""

from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel

from understudy.errors import DataError
from understudy.generation.player import PolicyPlayer
from understudy.models.registry import POLICY
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.pruning import FULL, PruningParams
from understudy.params.word_evaluation import WordEvaluationParams
from understudy.params.words import WordParams
from understudy.policies.files import load_trained, policy_hashes
from understudy.pruning.magnitude import count_numbers
from understudy.stage import run_stage
from understudy.tasks.make import make_task
from understudy.tasks.play import play
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json
from understudy.utils.progress import progress_bar
from understudy.word_evaluation.games_file import write_games

LOADS = (POLICY,)
SECTIONS: dict[str, type[BaseModel]] = {
    "policies": PoliciesParams,
    "word_evaluation": WordEvaluationParams,
    "words": WordParams,
}


def work(policy: str, seed: int, pruning: PruningParams) -> None:
    torch.set_num_threads(1)
    project, name, block = Path(pruning.project), f"{policy}/seed_{seed}", pruning.policies.named(policy)
    sections = load_sections(project / "params.yaml", SECTIONS)
    task, _ = make_task(sections["words"])
    evaluation: WordEvaluationParams = sections["word_evaluation"]
    plays = evaluation.ways(sections["policies"].named(policy))
    source = project / "models" / name
    full, policies = policy_hashes(source)["model.safetensors"], {FULL: load_trained(source)}
    for way in block.pruned:
        policies[way] = load_trained(Path("models") / name / way)
        if policies[way].provenance.get("pruned_from") != full:
            raise DataError(
                f"models/{name}/{way}: expected what was made of the policy that is there now; prune it again"
            )
    seeds, size = np.asarray(evaluation.seeds), evaluation.block_size
    blocks = [seeds[begin : begin + size] for begin in range(0, len(seeds), size)]
    title, total = policy, len(policies) * len(plays) * len(seeds)
    with replace_folder(Path("data/evaluation") / name) as target, progress_bar(total, title, "game") as bar:
        for way, trained in policies.items():
            (target / way).mkdir()
            write_json(target / way / "size.json", {"numbers_not_zero": count_numbers(trained.model.state_dict())})
            for how, (settings, temperature) in plays.items():
                player, games = PolicyPlayer(trained, task, settings, temperature), []
                for of_block in blocks:
                    games.append(play(task, player, of_block))
                    bar.update(len(of_block))
                write_games(target / way / f"{how}.parquet", task, games)


if __name__ == "__main__":
    run_stage(work, __doc__)
