"""Stage evaluate_policy@NAME-SEED: a student plays on seeds that no other stage has used. Writes data/evaluation/NAME/seed_SEED.

The expert says at each step what it would have done, where there is one. A student whose family, or whose block in params.yaml,
has further ways to play plays them as well, each into a folder below.
"""

from functools import partial
from pathlib import Path
from typing import Any

from understudy.environments.make import check_environment, read_spec
from understudy.errors import ParameterError
from understudy.models.registry import POLICY
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.policies import PoliciesParams
from understudy.policies.actor import load_actor, playing_device
from understudy.policies.build import check_play
from understudy.policies.files import TrainedPolicy, load_trained, policy_hashes
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.precision import resolve_precision
from understudy.utils.provenance import check_origin

LOADS = ("expert", "function", "scripted", POLICY)
EXPERT, COLUMNS = Path("models/expert"), Path("data/columns")


def work(
    policy: str,
    seed: int,
    without_expert: bool,
    environment: EnvironmentParams,
    policies: PoliciesParams,
    evaluation: EvaluationParams,
    compute: ComputeParams,
) -> None:
    name, block = f"{policy}/seed_{seed}", policies.named(policy)
    folder = Path("models") / name
    student, spec = load_trained(folder), read_spec(environment)
    ways = {"": block.plain_play} | block.play_variants
    for way, how in ways.items():
        check_way(student, how, spec.num_agents, f"policies.{policy}.play" + f".variants.{way}" * bool(way))
    device = playing_device(student, compute.device)
    # To ask a GPU would start it, and the processes that are to play on it could then not be forked.
    precision = evaluation.precision if device.type == "cuda" else resolve_precision(evaluation.precision, device)
    if not without_expert:
        check_environment(EXPERT, load_trained(EXPERT).task.environment, spec)
    check_environment(folder, student.task.environment, spec)
    check_origin(folder, student.provenance, COLUMNS / f"{policy}.json")
    stage = f"evaluate_policy@{policy}-{seed}"
    inputs = {"expert": {} if without_expert else policy_hashes(EXPERT), "student": policy_hashes(folder)}
    checkpoint = checkpoint_folder(stage, [evaluation.model_dump(), block.play, precision, device.type], inputs)
    of_family = {variant: block.plain_play | dict(how) for variant, how in student.model.variants.items()}
    with replace_folder(Path("data/evaluation") / name) as target:
        for variant, play in (of_family | ways).items():
            actor = partial(load_actor, folder, play, precision=precision, device=device.type)
            recording = record(
                Plan(spec, actor, demonstrator=None if without_expert else partial(load_actor, EXPERT)),
                evaluation.seeds,
                block_size=evaluation.block_size,
                workers=compute.workers,
                title=f"{policy} {variant}".strip(),
                blocks_folder=checkpoint / f"way {variant}".strip(),
            )
            (target / variant).mkdir(exist_ok=True)
            with recording as episodes:
                write_recording(target / variant, spec, policy, episodes)
    remove_checkpoints(stage)


def check_way(student: TrainedPolicy, how: dict[str, Any], num_agents: int, where: str) -> None:
    """Say what is wrong with the settings before other processes meet it."""
    check_play(student.family, how, where)
    try:
        student.model.begin(num_agents, **how)
    except ValueError as error:
        raise ParameterError(f"{where}.{error}") from None


if __name__ == "__main__":
    run_stage(work, __doc__)
