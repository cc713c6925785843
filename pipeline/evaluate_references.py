"""Stage evaluate_references: expert and random actor on the evaluation seeds. Writes data/evaluation/expert and random."""

from functools import partial
from pathlib import Path

from understudy.demonstrators.random import RandomActor
from understudy.environments.make import check_environment, read_spec
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.evaluation import EvaluationParams
from understudy.policies.actor import load_actor
from understudy.policies.files import load_trained, policy_hashes
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints

LOADS = ("expert", "scripted")
EXPERT = Path("models/expert")


def work(environment: EnvironmentParams, evaluation: EvaluationParams, compute: ComputeParams) -> None:
    spec = read_spec(environment.id, environment.kwargs)
    check_environment(EXPERT, load_trained(EXPERT).task.environment, spec)
    expert = partial(load_actor, EXPERT)
    plans = {
        "expert": Plan(spec, expert),
        "random": Plan(spec, partial(RandomActor, spec), demonstrator=expert),
    }
    checkpoint = checkpoint_folder("evaluate_references", evaluation.model_dump(), policy_hashes(EXPERT))
    for name, plan in plans.items():
        recording = record(
            plan,
            evaluation.seeds,
            block_size=evaluation.block_size,
            workers=compute.workers,
            title=name,
            blocks_folder=checkpoint / name,
        )
        with replace_folder(Path("data/evaluation") / name) as folder, recording as episodes:
            write_recording(folder, spec, name, episodes)
    remove_checkpoints("evaluate_references")


if __name__ == "__main__":
    run_stage(work, __doc__)
