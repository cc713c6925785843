"""Does the same lead to the same: choices after the same choices, and whole runs of one task.

same_prefix(chosen, runs)   -- how often decisions of one task that follow the same choices are the same
run_agreement(runs)         -- how alike the choices of two runs of one task are
common_length(first, other) -- of the longest common subsequence

N steps of E episodes.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from understudy.log_evaluation.runs import JudgedRuns


@dataclass(frozen=True)
class Agreement:
    """A mean over pairs; None where there is no pair."""

    share: float | None
    pairs: int


def same_prefix(chosen: np.ndarray, runs: JudgedRuns) -> Agreement:
    """Share of equal choices among pairs of decisions, of two runs of one task, before which both runs had chosen the same.

    Args:
        chosen: (N,) int64, the logged choices, or what a policy chooses after the logged ones.
    """
    places: dict[tuple[int, tuple[int, ...]], Counter[int]] = defaultdict(Counter)
    for task, first, end in zip(
        runs.tasks.tolist(), runs.offsets[:-1].tolist(), runs.offsets[1:].tolist(), strict=True
    ):
        logged = tuple(runs.labels[first:end].tolist())
        for step in range(end - first):
            places[task, logged[:step]][int(chosen[first + step])] += 1
    pairs = sum(_pairs(counts.total()) for counts in places.values())
    same = sum(_pairs(count) for counts in places.values() for count in counts.values())
    return Agreement(same / pairs if pairs else None, pairs)


def run_agreement(runs: JudgedRuns) -> Agreement:
    """Mean over pairs of runs of one task: twice the length of their longest common subsequence of choices, over both lengths."""
    of_task: dict[int, list[list[int]]] = defaultdict(list)
    for task, first, end in zip(
        runs.tasks.tolist(), runs.offsets[:-1].tolist(), runs.offsets[1:].tolist(), strict=True
    ):
        of_task[task].append(runs.labels[first:end].tolist())
    shares = [
        2 * common_length(one, other) / (len(one) + len(other))
        for choices in of_task.values()
        for one, other in combinations(choices, 2)
    ]
    return Agreement(float(np.mean(shares)) if shares else None, len(shares))


def common_length(first: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(other) + 1)
    for one in first:
        diagonal = 0
        for place, each in enumerate(other, start=1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if one == each else max(above, lengths[place - 1])
            diagonal = above
    return lengths[-1]


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
