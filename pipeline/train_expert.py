"""Stage train_expert: train the demonstrator, or take a scripted one.

Writes models/expert: policy.json, model.safetensors, learning_curve.csv.
"""

from pathlib import Path

from understudy.demonstrators.sb3 import train_expert
from understudy.demonstrators.scripted import scripted_expert
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ExpertParams
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.csvfile import write_csv

LOADS = ("expert", "scripted")


def work(environment: EnvironmentParams, expert: ExpertParams, compute: ComputeParams) -> None:
    policy, curve = make_expert(environment, expert, compute.workers)
    with replace_folder(Path("models/expert")) as folder:
        save_policy(policy, folder)
        write_csv(folder / "learning_curve.csv", ("steps", "episodes", "return_mean", "length_mean"), curve)
    remove_checkpoints("train_expert")


def make_expert(
    environment: EnvironmentParams, expert: ExpertParams, workers: int
) -> tuple[TrainedPolicy, list[tuple[float, ...]]]:
    if expert.algorithm == "scripted":
        return scripted_expert(environment, expert.scripted), []
    used = [environment.model_dump(), expert.model_dump()]
    checkpoint = checkpoint_folder("train_expert", used, {}) / "training.safetensors"
    return train_expert(environment, expert, checkpoint, processes=workers)


if __name__ == "__main__":
    run_stage(work, __doc__)
