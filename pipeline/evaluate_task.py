"""Stage evaluate_task@NAME-SEED-TASK: a policy of several tasks plays one of them. Writes data/evaluation/TASK/NAME/seed_SEED.

The task's folder says in which environment. Its expert says at each step what it would have done, and has played on the same
seeds.
"""

from functools import partial
from pathlib import Path

from understudy.environments.make import check_environment, read_spec
from understudy.errors import ParameterError
from understudy.models.registry import POLICY
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.tasks import TasksParams
from understudy.policies.actor import load_actor, playing_device
from understudy.policies.build import check_play
from understudy.policies.files import load_trained, policy_hashes
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.precision import resolve_precision
from understudy.utils.provenance import check_origin

LOADS = ("expert", "function", "scripted", POLICY)


def work(
    policy: str,
    seed: int,
    task: str,
    tasks: TasksParams,
    policies: PoliciesParams,
    evaluation: EvaluationParams,
    compute: ComputeParams,
) -> None:
    tasks.check(task)
    block, name, expert = policies.named(policy), f"{policy}/seed_{seed}", Path(task) / "models/expert"
    folder, params = Path("models") / name, Path(task) / "params.yaml"
    spec = read_spec(load_sections(params, {"environment": EnvironmentParams})["environment"])
    student = load_trained(folder).acting_in(spec)
    check_environment(expert, load_trained(expert).task.environment, spec)
    check_origin(folder, student.provenance, Path("data/columns") / f"{policy}.json")
    ways = {"": block.plain_play} | block.play_variants
    for way, how in ways.items():
        where = f"policies.{policy}.play" + f".variants.{way}" * bool(way)
        check_play(student.family, how, where)
        try:
            student.model.begin(1, **how)
        except ValueError as error:
            raise ParameterError(f"{where}.{error}") from None
    device = playing_device(student, compute.device)
    # To ask a GPU would start it, and the processes that are to play on it could then not be forked.
    precision = evaluation.precision if device.type == "cuda" else resolve_precision(evaluation.precision, device)
    stage = f"evaluate_task@{policy}-{seed}-{task}"
    inputs = {"expert": policy_hashes(expert), "student": policy_hashes(folder)}
    checkpoint = checkpoint_folder(stage, [evaluation.model_dump(), block.play, precision, device.type], inputs)
    with replace_folder(Path("data/evaluation") / task / name) as target:
        for way, play in ways.items():
            actor = partial(load_actor, folder, play, precision, device.type, spec)
            recording = record(
                Plan(spec, actor, demonstrator=partial(load_actor, expert)),
                evaluation.seeds,
                block_size=evaluation.block_size,
                workers=compute.workers,
                title=f"{policy} {way} in {task}".replace("  ", " "),
                blocks_folder=checkpoint / f"way {way}".strip(),
            )
            (target / way).mkdir(exist_ok=True)
            with recording as episodes:
                write_recording(target / way, spec, policy, episodes)
    remove_checkpoints(stage)


if __name__ == "__main__":
    run_stage(work, __doc__)
