"""Stage train_expert: train the demonstrator, or take a scripted one.

Writes models/expert: policy.json, model.safetensors, learning_curve.csv.
"""

from pathlib import Path

from understudy.demonstrators.sb3 import train_expert
from understudy.demonstrators.scripted import scripted_expert
from understudy.params import Params
from understudy.policy import Policy, save_policy
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.csvfile import write_csv


def work(params: Params) -> None:
    expert, curve = make_expert(params)
    with replace_folder(Path("models/expert")) as folder:
        save_policy(expert, folder)
        write_csv(folder / "learning_curve.csv", ("steps", "episodes", "return_mean", "length_mean"), curve)
    remove_checkpoints("train_expert")


def make_expert(params: Params) -> tuple[Policy, list[tuple]]:
    if params.expert.algorithm == "scripted":
        return scripted_expert(params.environment, params.expert.scripted), []
    used = [params.environment.model_dump(), params.expert.model_dump()]
    checkpoint = checkpoint_folder("train_expert", used, {}) / "training.safetensors"
    return train_expert(params.environment, params.expert, checkpoint, processes=params.compute.workers)


if __name__ == "__main__":
    run_stage(work, __doc__)
