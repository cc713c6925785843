"""Stage record_rollouts: the expert plays, or several players of mixed quality.

Writes data/raw: steps.parquet, episodes.parquet.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from understudy.environments.make import check_environment, read_spec
from understudy.episode import Episode
from understudy.params.compute import ComputeParams
from understudy.params.environment import EnvironmentParams
from understudy.params.rollouts import FINISHED, PlayerParams, RolloutParams
from understudy.policies.actor import load_actor
from understudy.policies.files import load_trained, policy_hashes, snapshot_folder
from understudy.rollouts.own import check_own
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, ReturnFilter, record
from understudy.spec import EnvironmentSpec
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints

LOADS = ("expert", "function", "scripted")
EXPERT = Path("models/expert")


def work(environment: EnvironmentParams, rollouts: RolloutParams, compute: ComputeParams) -> None:
    enough, spec = ReturnFilter(rollouts.minimum_return), read_spec(environment)
    check_environment(EXPERT, load_trained(EXPERT).task.environment, spec)
    check_own(Path("data/raw"), "expert")
    folders = [EXPERT, *(player_folder(player) for player in rollouts.players)]
    hashes = {str(folder): policy_hashes(folder) for folder in folders}
    blocks = checkpoint_folder("record_rollouts", rollouts.model_dump(), hashes)
    episodes = (
        of_players(spec, rollouts, compute, blocks) if rollouts.players else of_expert(spec, rollouts, compute, blocks)
    )
    with replace_folder(Path("data/raw")) as folder:
        write_recording(folder, spec, "expert", enough.keep(episodes), [player.name for player in rollouts.players])
    if rollouts.minimum_return is not None:
        dropped = enough.seen - enough.kept
        print(f"dropped {dropped} of {enough.seen} episodes that returned less than {rollouts.minimum_return}")
    remove_checkpoints("record_rollouts")


def of_expert(
    spec: EnvironmentSpec, rollouts: RolloutParams, compute: ComputeParams, blocks: Path
) -> Iterator[Episode]:
    """The finished expert's episodes; where a random action was executed, its own is what was demonstrated."""
    plan = Plan(spec, partial(load_actor, EXPERT), noise=rollouts.noise)
    yield from played(plan, rollouts.seeds, "demonstrations", rollouts, compute, blocks)


def of_players(
    spec: EnvironmentSpec, rollouts: RolloutParams, compute: ComputeParams, blocks: Path
) -> Iterator[Episode]:
    """Each player's episodes, on seeds that follow those of the player before; what was executed is what was demonstrated."""
    seeds = rollouts.seeds
    for number, player in enumerate(rollouts.players):
        plan, own = Plan(spec, partial(load_actor, player_folder(player)), noise=player.noise), seeds[: player.episodes]
        seeds = seeds[player.episodes :]
        for episode in played(plan, own, player.name, rollouts, compute, blocks / f"player_{number}"):
            yield replace(episode, demonstrated_actions=episode.actions, player=number)


def played(
    plan: Plan, seeds: range, title: str, rollouts: RolloutParams, compute: ComputeParams, blocks: Path
) -> Iterator[Episode]:
    """Episodes of a plan as they finish."""
    how = {"block_size": rollouts.block_size, "workers": compute.workers}
    with record(plan, seeds, **how, title=title, blocks_folder=blocks) as episodes:
        yield from episodes


def player_folder(player: PlayerParams) -> Path:
    """Where the policy of a player lies."""
    return EXPERT if player.snapshot == FINISHED else snapshot_folder(EXPERT, player.snapshot)


if __name__ == "__main__":
    run_stage(work, __doc__)
