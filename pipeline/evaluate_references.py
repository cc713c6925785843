"""Stage evaluate_references: expert, where there is one, and random actor play. Writes data/evaluation/expert and random."""

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

LOADS = ("expert", "function", "scripted")
EXPERT = Path("models/expert")


def work(
    without_expert: bool, environment: EnvironmentParams, evaluation: EvaluationParams, compute: ComputeParams
) -> None:
    spec = read_spec(environment)
    random = partial(RandomActor, spec)
    plans, inputs = {"random": Plan(spec, random)}, {}
    if not without_expert:
        check_environment(EXPERT, load_trained(EXPERT).task.environment, spec)
        expert, inputs = partial(load_actor, EXPERT), policy_hashes(EXPERT)
        plans = {"expert": Plan(spec, expert), "random": Plan(spec, random, demonstrator=expert)}
    checkpoint = checkpoint_folder("evaluate_references", evaluation.model_dump(), inputs)
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
