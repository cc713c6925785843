"""Stage train_expert: train the demonstrator, or take one that is there: a script, a function, a policy of stable-baselines3.

Writes models/expert: policy.json, model.safetensors, learning_curve.csv, and a policy for each of expert.snapshots.
"""

import shutil
from pathlib import Path

from understudy.demonstrators.check import check_better_than_random
from understudy.demonstrators.function import function_expert
from understudy.demonstrators.sb3 import train_expert
from understudy.demonstrators.sb3_zip import read_sb3_zip
from understudy.demonstrators.scripted import scripted_expert
from understudy.environments.make import read_spec
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ExpertParams, FunctionParams, SB3ZipParams, ScriptedParams
from understudy.policies.card import write_card
from understudy.policies.files import TrainedPolicy, save_policy, snapshot_folder
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.csvfile import write_csv

LOADS = ("expert", "function", "scripted")


def work(environment: EnvironmentParams, expert: ExpertParams, compute: ComputeParams) -> None:
    used = [environment.model_dump(), expert.model_dump()]
    checkpoint = checkpoint_folder("train_expert", used, {})
    policy, curve = make_expert(environment, expert, compute.workers, checkpoint)
    check_better_than_random(policy)
    with replace_folder(Path("models/expert")) as folder:
        save_policy(policy, folder)
        steps = f"{expert.total_steps:,} environment steps" if curve else "nothing here"
        write_card(folder, "expert", policy, {"demonstrator": expert.algorithm, "learned from": steps})
        write_csv(folder / "learning_curve.csv", ("steps", "episodes", "return_mean", "length_mean"), curve)
        for share in expert.snapshots:
            shutil.copytree(snapshot_folder(checkpoint, share), snapshot_folder(folder, share))
    remove_checkpoints("train_expert")


def make_expert(
    environment: EnvironmentParams, expert: ExpertParams, workers: int, checkpoint: Path
) -> tuple[TrainedPolicy, list[tuple[float, ...]]]:
    """The demonstrator and its learning curve; snapshots of its training are kept beside the checkpoint."""
    block = expert.hyperparameters
    if isinstance(block, ScriptedParams):
        return scripted_expert(environment, block), []
    if isinstance(block, FunctionParams):
        return function_expert(environment, block), []
    if isinstance(block, SB3ZipParams):
        return read_sb3_zip(Path(block.path), read_spec(environment)), []

    def keep(share: float, snapshot: TrainedPolicy) -> None:
        with replace_folder(snapshot_folder(checkpoint, share)) as folder:
            save_policy(snapshot, folder)

    return train_expert(environment, expert, checkpoint / "training.safetensors", processes=workers, keep=keep)


if __name__ == "__main__":
    run_stage(work, __doc__)
