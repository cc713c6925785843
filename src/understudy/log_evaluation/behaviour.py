"""What logged runs show by themselves: loops, and whether the same leads to the same.

Behaviour, describe_behaviour(acts, runs, longest) -- of one set of runs
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from understudy.log_evaluation.acts import Act
from understudy.log_evaluation.consistency import run_agreement, same_prefix
from understudy.log_evaluation.loops import Loop, find_loops
from understudy.log_evaluation.runs import JudgedRuns


@dataclass(frozen=True)
class Behaviour:
    """E runs.

    Attributes:
        loops: of each run.
        outcome_with_loops, outcome_without: mean outcomes of runs with a loop and of those without.
        same_prefix, run_agreement: as in consistency.py, over so many pairs; None where there is none.
    """

    loops: Sequence[Sequence[Loop]]
    outcome_with_loops: float | None
    outcome_without: float | None
    same_prefix: float | None
    prefix_pairs: int
    run_agreement: float | None
    run_pairs: int

    def to_json(self) -> dict[str, Any]:
        """Counts in place of the loops themselves."""
        numbers = asdict(self)
        del numbers["loops"]
        found = [loop for loops in self.loops for loop in loops]
        counts = {"runs": len(self.loops), "loops": len(found), "runs_with_loops": sum(map(bool, self.loops))}
        return counts | {"longest_loop": max((loop.times * loop.period for loop in found), default=0)} | numbers


def describe_behaviour(acts: Sequence[Sequence[Act]], runs: JudgedRuns, longest: int) -> Behaviour:
    """Of runs whose acts and choices these are; `longest` is of a loop's cycle, in steps."""
    loops = [find_loops([act.same for act in episode], longest) for episode in acts]
    looped, known = np.asarray([bool(each) for each in loops]), ~np.isnan(runs.outcomes)
    alike, prefixes = run_agreement(runs), same_prefix(runs.labels, runs)
    return Behaviour(
        loops=loops,
        outcome_with_loops=_mean(runs.outcomes[known & looped]),
        outcome_without=_mean(runs.outcomes[known & ~looped]),
        same_prefix=prefixes.share,
        prefix_pairs=prefixes.pairs,
        run_agreement=alike.share,
        run_pairs=alike.pairs,
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
