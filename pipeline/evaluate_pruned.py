"""Stage evaluate_pruned@NAME-SEED: pruned policies play where the full one has played. Writes data/evaluation/NAME/seed_SEED.

Each plays on the evaluation seeds of the project that trained it, and those that params.yaml names once more in eight bits.
"""

from functools import partial
from pathlib import Path

from pydantic import BaseModel

from understudy.environments.make import check_environment, read_spec
from understudy.errors import DataError
from understudy.models.registry import POLICY
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.pruning import FULL, INT8, PruningParams
from understudy.policies.actor import load_actor, playing_device
from understudy.policies.files import load_trained, policy_hashes
from understudy.pruning.int8 import load_int8_actor
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import ActorFactory, Plan, record
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.precision import resolve_precision

LOADS = (POLICY,)
SECTIONS: dict[str, type[BaseModel]] = {
    "environment": EnvironmentParams,
    "policies": PoliciesParams,
    "evaluation": EvaluationParams,
    "compute": ComputeParams,
}


def work(policy: str, seed: int, pruning: PruningParams) -> None:
    project, name, block = Path(pruning.project), f"{policy}/seed_{seed}", pruning.policies.named(policy)
    sections = load_sections(project / "params.yaml", SECTIONS)
    evaluation, compute = sections["evaluation"], sections["compute"]
    spec, play = read_spec(sections["environment"]), sections["policies"].named(policy).plain_play
    source = project / "models" / name
    full = load_trained(source)
    check_environment(source, full.task.environment, spec)
    folders = {FULL: source} | {way: Path("models") / name / way for way in block.pruned}
    hashes = {way: policy_hashes(folder) for way, folder in folders.items()}
    for way in block.pruned:
        _check_made_of(folders[way], hashes[FULL]["model.safetensors"])
    device = playing_device(full, compute.device)
    precision = evaluation.precision if device.type == "cuda" else resolve_precision(evaluation.precision, device)
    actors: dict[str, ActorFactory] = {
        way: partial(load_actor, folders[way], play, precision=precision, device=device.type) for way in block.pruned
    }
    actors |= {f"{way}_{INT8}": partial(load_int8_actor, folders[way], play) for way in block.int8}
    stage = f"evaluate_pruned@{policy}-{seed}"
    checkpoint = checkpoint_folder(stage, [evaluation.model_dump(), play, precision, device.type], hashes)
    with replace_folder(Path("data/evaluation") / name) as target:
        for way, actor in actors.items():
            recording = record(
                Plan(spec, actor),
                evaluation.seeds,
                block_size=evaluation.block_size,
                workers=compute.workers,
                title=f"{policy} {way}",
                blocks_folder=checkpoint / way,
            )
            (target / way).mkdir()
            with recording as episodes:
                write_recording(target / way, spec, f"{policy} {way}", episodes)
    remove_checkpoints(stage)


def _check_made_of(folder: Path, source: str) -> None:
    made_of = load_trained(folder).provenance.get("pruned_from")
    if made_of != source:
        raise DataError(
            f"{folder}: expected what was made of the policy that is there now ({source[:12]}), got of another"
            f" ({str(made_of)[:12]}); prune it again"
        )


if __name__ == "__main__":
    run_stage(work, __doc__)
