"""Stage improve_policy@NAME-SEED: a policy goes on online, as a block of `improvement:` says. Writes improved/NAME/seed_SEED.

There lie the policy, as any trained one; curve.csv, what it returned after how many environment steps; and the recording of all
episodes that it collected, steps.parquet and episodes.parquet, which can be learned from like the demonstrator's.
"""

from pathlib import Path
from typing import cast

import torch

from understudy.errors import DataError, ParameterError
from understudy.improvement.run import ImprovementRun, Work, improve
from understudy.models.family import Family
from understudy.models.registry import POLICY, load_family
from understudy.params.compute import ComputeParams
from understudy.params.improvement import ImprovementParams, ImprovementsParams
from understudy.params.policies import PoliciesParams, PolicyParams
from understudy.params.training import TrainingParams
from understudy.policies.build import build_model, check_play
from understudy.policies.card import write_card
from understudy.policies.files import TrainedPolicy, load_trained, policy_hashes, save_policy
from understudy.rollouts.parquet import write_recording
from understudy.sequences.columns import LABEL_COLUMNS
from understudy.sequences.store import Sequences, open_sequences
from understudy.stage import run_stage
from understudy.training.loop import check_fits
from understudy.training.steps import TrainingSteps
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.csvfile import write_csv
from understudy.utils.device import resolve_device
from understudy.utils.provenance import check_files

LOADS = (POLICY,)
SEQUENCES, MODELS, IMPROVED = Path("data/processed/sequences"), Path("models"), Path("improved")
# What a family reads that learns what actions are worth: to read rewards alone may be to imitate how they go on as well.
LEARNED_FROM = frozenset({"reward", "final_observation"})


def work(
    name: str,
    seed: int,
    improvement: ImprovementsParams,
    policies: PoliciesParams,
    training: TrainingParams,
    compute: ComputeParams,
) -> None:
    params, where = improvement.named(name), f"improvement.{name}"
    if params.policy not in policies.names:
        raise ParameterError(f"{where}.policy: expected one of {', '.join(policies.names)}, got {params.policy!r}")
    block = policies.named(params.policy)
    block.check_plain(f"policies.{params.policy}")
    if seed not in training.seeds:
        raise ParameterError(f"--seed: expected one of training.seeds, {training.seeds}, got {seed}")
    how = training.of_policy(block.training, f"policies.{params.policy}.training")
    how = how.of_policy(params.training, f"{where}.training")
    check_files(SEQUENCES / "store.json")
    recorded = open_sequences(SEQUENCES, "train")
    torch.manual_seed(seed)
    policy, inputs = begin(params, block, recorded, seed)
    check_ways(policy, params, block, where)
    check_fits(cast(Family, policy.model), recorded, how, where)
    device = resolve_device(compute.device)
    policy.model.to(device)
    stage = f"improve_policy@{name}-{seed}"
    used = [params.model_dump(), how.model_dump(exclude={"seeds"}), block.model_dump(), seed, device.type]
    run = improve(
        Work(policy, recorded, params, how, block.plain_play, seed, name), checkpoint_folder(stage, used, inputs)
    )
    write(run, policy, name, seed)
    remove_checkpoints(stage)


def begin(
    params: ImprovementParams, block: PolicyParams, recorded: Sequences, seed: int
) -> tuple[TrainedPolicy, dict[str, str]]:
    """The policy as it is before, and the hashes of what it comes from."""
    inputs = {"sequences": recorded.sha256}
    if not load_family(block.family).reads.isdisjoint(LABEL_COLUMNS):
        raise ParameterError(
            f"policies.{params.policy}.family: expected one that reads no options, which nobody finds in what is new,"
            f" got {block.family!r}"
        )
    if not LEARNED_FROM <= load_family(block.family).reads:
        raise ParameterError(
            f"policies.{params.policy}.family: expected one that learns from rewards, without which it would imitate itself,"
            f" got {block.family!r}"
        )
    if params.start == "scratch":
        model = build_model(block.family, block.model, recorded.interface, f"policies.{params.policy}")
        model.fit(TrainingSteps(recorded))
        return TrainedPolicy(model, block.family, block.model, recorded.interface, inputs), inputs
    folder = MODELS / params.policy / f"seed_{seed}"
    policy = load_trained(folder)
    if policy.provenance.get("sequences") != recorded.sha256:
        raise DataError(f"{folder}: expected a policy that learned from {SEQUENCES}, got another one; train it again")
    return policy, inputs | {f"start {file}": digest for file, digest in policy_hashes(folder).items()}


def check_ways(policy: TrainedPolicy, params: ImprovementParams, block: PolicyParams, where: str) -> None:
    """Say what is wrong with the ways to play before the first episode."""
    for play, place in ((block.plain_play, f"policies.{params.policy}.play"), (params.play, f"{where}.play")):
        check_play(policy.family, play, place)
        try:
            policy.model.begin(policy.task.num_agents, **block.plain_play | play)
        except ValueError as error:
            raise ParameterError(f"{place}.{error}") from None


def write(run: ImprovementRun, policy: TrainedPolicy, name: str, seed: int) -> None:
    """The policy, its curve, and what it collected."""
    counts, episodes = run.counts, run.episodes()
    policy.model.to(torch.device("cpu"))
    with replace_folder(IMPROVED / name / f"seed_{seed}") as folder:
        save_policy(policy, folder)
        write_csv(folder / "curve.csv", list(counts.curve[0]), (list(row.values()) for row in counts.curve))
        write_recording(folder, policy.task.environment, name, episodes)
        facts: dict[str, object] = {
            "environment steps": counts.steps,
            "episodes": counts.episodes,
            "optimizer steps": counts.updates,
            "return at the end": f"{counts.curve[-1]['return_mean']:.1f}",
        }
        write_card(folder, f"{name}/seed_{seed}", policy, facts)


if __name__ == "__main__":
    run_stage(work, __doc__)
