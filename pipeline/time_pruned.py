"""Stage time_pruned: how long pruned policies take for a step, and the full ones, all in one run. Writes metrics/times.json.

Its figures are those of this machine and this minute. Each policy is timed in float32 and in eight bits, on one thread.
"""

from pathlib import Path

import numpy as np

from understudy.errors import DataError
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.pruning import FINETUNED, FULL, INT8, PrunedPolicyParams, PruningParams
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.pruning.int8 import with_int8
from understudy.pruning.timing import microseconds_a_step
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

LOADS = ("ALL_FAMILIES",)


def work(pruning: PruningParams) -> None:
    project = Path(pruning.project)
    trained_by: PoliciesParams = load_sections(project / "params.yaml", {"policies": PoliciesParams})["policies"]
    times: dict[str, dict[str, dict[str, float]]] = {}
    for name in pruning.policies.root:
        play, policies = trained_by.named(name).plain_play, load_timed(pruning, name)
        policies |= {f"{way}_{INT8}": with_int8(policy) for way, policy in policies.items()}
        seen = read_recording(project / "data/evaluation" / name / f"seed_{pruning.seeds[0]}").steps["observation"]
        times[name] = {}
        for batch_size in pruning.timing.batch_sizes:
            rows = batch_size * policies[FULL].task.num_agents
            if len(seen) < rows:
                raise DataError(f"data/evaluation/{name}: expected {rows} steps to look at, got {len(seen)}")
            timed = {way: (policy, play) for way, policy in policies.items()}
            taken = microseconds_a_step(timed, seen[:rows], pruning.timing.rounds, pruning.timing.steps)
            times[name][str(batch_size)] = {way: round(each, 1) for way, each in taken.items()}
            print(
                f"{name}, {batch_size} at a time, microseconds: "
                + ", ".join(f"{way} {np.round(each)}" for way, each in taken.items())
            )
    write_json(Path("metrics/times.json"), times)


def load_timed(pruning: PruningParams, name: str) -> dict[str, TrainedPolicy]:
    """The full policy, the sparsest one, which has as many products, and the smaller ones."""
    block: PrunedPolicyParams = pruning.policies.named(name)
    folder = f"models/{name}/seed_{pruning.seeds[0]}"
    sparsest = sorted(block.sparsities, key=lambda way: block.sparsities[way])[-1:]
    ways = [f"{way}_{FINETUNED}" for way in (*sparsest, *block.structured)]
    return {FULL: load_trained(Path(pruning.project) / folder)} | {
        way: load_trained(Path(folder) / way) for way in ways
    }


if __name__ == "__main__":
    run_stage(work, __doc__)
