"""What pruning costs and saves: scores of all that was made of a policy, beside its size and its time.

read_results(...)             -- one entry for the policy as it is, "full", and for each that was made of it
format_table(results, times)  -- Markdown, with the times of a step where they were measured
slower_in_int8(ways, times)   -- sentences on what plays in eight bits and is never faster so
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch

from understudy.evaluation.read import read_references
from understudy.evaluation.score import Evaluated, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.params.pruning import FULL, INT8, PruningParams
from understudy.pruning.magnitude import count_numbers
from understudy.report.table import with_interval
from understudy.rollouts.parquet import read_recording

HEADER = ("policy", "numbers not zero", "return", "score [interval]", "beyond full [interval]")
KEPT = ("return_mean", "score", "gain")  # the last two with their intervals

Results = Mapping[str, Mapping[str, Any]]
Times = Mapping[str, Mapping[str, float]]  # microseconds a step, by the number of environments, by way


def read_results(
    pruning: PruningParams, policy: str, without_expert: bool, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Scores with intervals, and how many numbers are not zero, of the policy and of what was made of it, by name.

    `gain` is the score beyond that of the full policy, paired by the episodes' seeds. What plays in eight bits has as many
    numbers as what it was made of.

    Args:
        pruning: what was made, and where the full policy lies.
        policy: its name.
        without_expert: whether the project has demonstrations from elsewhere.
        bootstrap: how intervals are made.

    Raises:
        DataError: something is missing, or was played on other seeds.
    """
    project, block = Path(pruning.project), pruning.policies.named(policy)
    names = [f"{policy}/seed_{seed}" for seed in pruning.seeds]
    ways = [*block.pruned, *(f"{way}_{INT8}" for way in block.int8)]
    evaluated = {name: Evaluated([each]) for name, each in read_references(project, without_expert).items()}
    evaluated[FULL] = Evaluated([read_recording(project / "data/evaluation" / name) for name in names])
    for way in ways:
        evaluated[way] = Evaluated([read_recording(Path("data/evaluation") / name / way) for name in names])
    summary = summarise(evaluated, bootstrap, FULL)
    results = {}
    for way in (FULL, *ways):
        kept = {
            key: value
            for key, value in summary[way].items()
            if key.removesuffix("_ci_low").removesuffix("_ci_high") in KEPT
        }
        made = way.removesuffix(f"_{INT8}")
        folder = project / "models" / names[0] if made == FULL else Path("models") / names[0] / made
        numbers = count_numbers(safetensors.torch.load_file(folder / "model.safetensors"))
        results[way] = kept | {"numbers_not_zero": numbers}
    return results


def format_table(results: Results, times: Times) -> str:
    """A row for each that was scored or timed; what was not measured is left open."""
    header = [*HEADER, *(f"µs a step of {rows}" for rows in times)]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for way in dict.fromkeys([*results, *(way for measured in times.values() for way in measured)]):
        cells = _scored(results[way]) if way in results else [""] * (len(HEADER) - 1)
        lines.append([way, *cells, *(_time(measured.get(way)) for measured in times.values())])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def slower_in_int8(ways: Sequence[str], times: Times) -> list[str]:
    """A sentence for each of the ways that eight bits make slower, however many environments are played.

    Args:
        ways: that play in eight bits, without the name's end. Of one that was not timed nothing is said.
        times: with at least one number of environments.
    """
    slower = []
    for way in ways:
        both = [(each.get(way), each.get(f"{way}_{INT8}")) for each in times.values()]
        if all(plain is not None and in_int8 is not None and in_int8 >= plain for plain, in_int8 in both):
            slower.append(
                f"{way} is not faster in eight bits (environments at a time: {', '.join(times)}); leave it out of int8."
            )
    return slower


def _scored(entry: Mapping[str, Any]) -> list[str]:
    gain = with_interval(entry, "gain") if "gain" in entry else ""
    return [f"{entry['numbers_not_zero']:,}", f"{entry['return_mean']:.1f}", with_interval(entry, "score"), gain]


def _time(microseconds: float | None) -> str:
    return "" if microseconds is None else f"{microseconds:,.0f}"
