"""How well policies act, as the pipeline's own comparison says it: score_row(comparison, group, figures).

R training seeds, E evaluation episodes.
"""

import numpy as np

from benchmarks.rows import Group, ScoreComparison
from understudy.errors import DataError
from understudy.evaluation.statistics import normalised_score


def score_row(comparison: ScoreComparison, group: Group, figures: dict[str, list[dict]]) -> dict:
    """One row of the table: both scores and their difference, with bootstrap intervals, paired by evaluation seed.

    Args:
        comparison: names the programs, and says how intervals are made.
        group: of the comparison.
        figures: by program its rounds. Each holds `seeds`, E, and `returns`, one or more lists of E, raw; those of `ours`, which
            are the same in each round, hold all training seeds, and what the references `expert` and `random` returned.

    Raises:
        DataError: the programs have played other evaluation seeds.
    """
    ours, theirs = figures[comparison.ours][0], figures[comparison.theirs]
    for played in theirs:
        if played["seeds"] != ours["seeds"]:
            raise DataError(
                f"{comparison.theirs}: expected the {len(ours['seeds'])} evaluation seeds from {ours['seeds'][0]} on,"
                f" got {len(played['seeds'])} from {played['seeds'][0]} on"
            )
    mine = np.asarray(ours["returns"])  # (R, E)
    others = np.asarray([returns for played in theirs for returns in played["returns"]])  # (R, E)
    references = (np.asarray([ours["expert"]]), np.asarray([ours["random"]]))
    interval = comparison.bootstrap.interval(difference, mine, others, *references)
    means = [sample.mean(0) for sample in (mine, others, *references)]
    return {
        "work": comparison.work,
        "ours": {"who": group.programs[comparison.ours].who} | _scored(comparison, mine, *references),
        "theirs": {"who": group.programs[comparison.theirs].who} | _scored(comparison, others, *references),
        "difference": {"score": float(difference(*means)), "low": interval.low, "high": interval.high},
        "references": {"expert": float(references[0].mean()), "random": float(references[1].mean())},
        "confidence": comparison.bootstrap.confidence,
    }


def difference(
    one: np.ndarray, other: np.ndarray, expert: np.ndarray, random: np.ndarray, axis: int = -1
) -> np.ndarray:
    """The first one's score less the other's, of returns (..., E)."""
    return normalised_score(one, expert, random, axis) - normalised_score(other, expert, random, axis)


def _scored(
    comparison: ScoreComparison, policy: np.ndarray, expert: np.ndarray, random: np.ndarray
) -> dict[str, float]:
    """Score and mean return of a policy's returns (R, E)."""
    interval = comparison.bootstrap.interval(normalised_score, policy, expert, random)
    return {
        "score": float(normalised_score(policy.mean(0), expert.mean(0), random.mean(0))),
        "low": interval.low,
        "high": interval.high,
        "return_mean": float(policy.mean()),
        "training_seeds": len(policy),
    }
