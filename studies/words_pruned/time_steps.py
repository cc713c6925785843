"""Stage time_steps: how long pruned policies take for a step, a token each game, and the full ones. Writes metrics/times.json.

All are timed in one run, on one thread. The figures are those of this machine and this minute.
"""

from pathlib import Path

from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.pruning import FINETUNED, FULL, PruningParams
from understudy.policies.files import load_trained
from understudy.pruning.timing import microseconds_a_step
from understudy.rollouts.parquet import read_recording
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

LOADS = ("ALL_FAMILIES",)


def work(pruning: PruningParams) -> None:
    project, timing = Path(pruning.project), pruning.timing
    trained_by: PoliciesParams = load_sections(project / "params.yaml", {"policies": PoliciesParams})["policies"]
    seen = read_recording(project / "data/raw").steps["observation"]
    times: dict[str, dict[str, dict[str, float]]] = {}
    for name, block in pruning.policies.root.items():
        folder, play = f"models/{name}/seed_{pruning.seeds[0]}", trained_by.named(name).plain_play
        policies = {FULL: load_trained(project / folder)}
        sparsest = sorted(block.sparsities, key=lambda way: block.sparsities[way])[-1:]
        for way in (*sparsest, *block.structured):
            policies[f"{way}_{FINETUNED}"] = load_trained(Path(folder) / f"{way}_{FINETUNED}")
        timed = {way: (policy, play) for way, policy in policies.items()}
        times[name] = {}
        for size in timing.batch_sizes:
            taken = microseconds_a_step(timed, seen[:size], timing.rounds, timing.steps)
            times[name][str(size)] = {way: round(each, 1) for way, each in taken.items()}
            print(f"{name}, {size} at a time, microseconds: {times[name][str(size)]}")
    write_json(Path("metrics/times.json"), times)


if __name__ == "__main__":
    run_stage(work, __doc__)
