"""Stage train_expert: train the demonstrator. Writes models/expert: policy.json, model.safetensors, learning_curve.csv."""

from pathlib import Path

from understudy.demonstrators.sb3 import train_expert
from understudy.params import Params
from understudy.policy import save_policy
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.csvfile import write_csv


def work(params: Params) -> None:
    used = [params.environment.model_dump(), params.expert.model_dump()]
    checkpoint = checkpoint_folder("train_expert", used, {})
    expert, curve = train_expert(
        params.environment, params.expert, checkpoint / "training.safetensors", processes=params.compute.workers
    )
    with replace_folder(Path("models/expert")) as folder:
        save_policy(expert, folder)
        write_csv(folder / "learning_curve.csv", ("steps", "episodes", "return_mean", "length_mean"), curve)
    remove_checkpoints("train_expert")


if __name__ == "__main__":
    run_stage(work, __doc__)
