"""Stage record_rollouts: the expert plays. Writes data/raw: steps.parquet, episodes.parquet."""

from functools import partial
from pathlib import Path

from understudy.environments.make import check_environment
from understudy.params import Params
from understudy.policy import load_policy, policy_hashes
from understudy.policy_actor import load_actor
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, drop_low_returns, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints

LOADS = ("expert", "scripted")  # families of policies, by name
EXPERT = Path("models/expert")


def work(params: Params) -> None:
    rollouts = params.rollouts
    spec = load_policy(EXPERT).spec
    check_environment(EXPERT, spec, params.environment)
    plan = Plan(spec.environment_id, spec.kwargs, partial(load_actor, EXPERT), noise=rollouts.noise)
    episodes = record(
        plan,
        rollouts.seeds,
        block_size=rollouts.block_size,
        workers=params.compute.workers,
        title="demonstrations",
        blocks_folder=checkpoint_folder("record_rollouts", rollouts.model_dump(), policy_hashes(EXPERT)),
    )
    kept = drop_low_returns(episodes, rollouts.minimum_return)
    if rollouts.minimum_return is not None:
        print(
            f"dropped {len(episodes) - len(kept)} of {len(episodes)} episodes that returned less than {rollouts.minimum_return}"
        )
    with replace_folder(Path("data/raw")) as folder:
        write_recording(folder, spec, "expert", kept)
    remove_checkpoints("record_rollouts")


if __name__ == "__main__":
    run_stage(work, __doc__)
