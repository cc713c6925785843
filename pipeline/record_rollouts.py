"""Stage record_rollouts: the expert plays. Writes data/raw: steps.parquet, episodes.parquet."""

from functools import partial
from pathlib import Path

from understudy.environments.make import check_environment, read_spec
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.rollouts import RolloutParams
from understudy.policies.actor import load_actor
from understudy.policies.files import load_trained, policy_hashes
from understudy.rollouts.own import check_own
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, ReturnFilter, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints

LOADS = ("expert", "function", "scripted")
EXPERT = Path("models/expert")


def work(environment: EnvironmentParams, rollouts: RolloutParams, compute: ComputeParams) -> None:
    enough, spec = ReturnFilter(rollouts.minimum_return), read_spec(environment)
    check_environment(EXPERT, load_trained(EXPERT).task.environment, spec)
    check_own(Path("data/raw"), "expert")
    recording = record(
        Plan(spec, partial(load_actor, EXPERT), noise=rollouts.noise),
        rollouts.seeds,
        block_size=rollouts.block_size,
        workers=compute.workers,
        title="demonstrations",
        blocks_folder=checkpoint_folder("record_rollouts", rollouts.model_dump(), policy_hashes(EXPERT)),
    )
    with replace_folder(Path("data/raw")) as folder, recording as episodes:
        write_recording(folder, spec, "expert", enough.keep(episodes))
    if rollouts.minimum_return is not None:
        dropped = enough.seen - enough.kept
        print(f"dropped {dropped} of {enough.seen} episodes that returned less than {rollouts.minimum_return}")
    remove_checkpoints("record_rollouts")


if __name__ == "__main__":
    run_stage(work, __doc__)
