"""Everybody who played, in one table: mean returns with intervals over games and training seeds.

summarise(recorded, players, policies, ...) -- {"data": {...}, "random": {...}, "bc": {...}, ...}, JSON-ready
chosen_elsewhere(ways, groups)              -- each game in the way that was best on games of other kinds
rows(summary)                               -- as cells of text
format_table(summary)                       -- as Markdown

R training seeds, E games.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from understudy.evaluation.statistics import Bootstrap
from understudy.params.word_evaluation import WordEvaluationParams

DATA = "data"
HEADER = ("who", "plays", "mean return", "less the baseline's")


def summarise(
    recorded: np.ndarray,
    players: Mapping[str, np.ndarray],
    policies: Mapping[str, Mapping[str, np.ndarray]],
    groups: np.ndarray,
    params: WordEvaluationParams,
) -> dict[str, dict[str, Any]]:
    """Mean returns by who played, and of policies by way; those of a policy itself are each in the way chosen elsewhere.

    Args:
        recorded: returns of the games that were learned from.
        players: returns (E,) of demonstrators on the games.
        policies: returns (R, E) of each way of each policy.
        groups: (E,) int64, games of one kind.
        params: which policy is the baseline, and how intervals are made.
    """
    bootstrap = Bootstrap(params.resamples, params.confidence, params.seed)
    chosen = {name: chosen_elsewhere(ways, groups) for name, ways in policies.items()}
    baseline = None if params.baseline is None else chosen[params.baseline][0]
    summary = {DATA: _entry(recorded[None], None, bootstrap)}
    for name, returns in players.items():
        summary[name] = _entry(returns[None], baseline, bootstrap)
    for name, (returns, ways_chosen) in chosen.items():
        compared = None if name == params.baseline else baseline
        summary[name] = _entry(returns, compared, bootstrap) | {"ways_chosen": ways_chosen}
        summary[name]["ways"] = {way: _entry(each, None, bootstrap) for way, each in policies[name].items()}
    return summary


def chosen_elsewhere(ways: Mapping[str, np.ndarray], groups: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Returns (R, E) of each game in the way that has the highest mean on the other half's games, and the way of each half.

    Kinds of games are halved, every other one: so of Wordle a way is judged on other answers than it was chosen on.

    Args:
        ways: returns (R, E) by way.
        groups: (E,) int64, the kind of each game.
    """
    half = np.unique(groups, return_inverse=True)[1].reshape(-1) % 2
    found, names = np.empty_like(next(iter(ways.values()))), []
    for own in (0, 1):
        others = half != own if (half != own).any() else half == own  # games may all be of one kind
        best = max(ways, key=lambda way: float(ways[way][:, others].mean()))
        found[:, half == own] = ways[best][:, half == own]
        names.append(best)
    return found, names


def format_table(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    header, *others = rows(summary)
    lines = [header, ("---", "---", "---:", "---:"), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def rows(summary: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row a demonstrator, a row a policy as it was chosen to play, and a row each of its ways; first the header."""
    found: list[tuple[str, ...]] = [HEADER]
    for name, entry in summary.items():
        plays = "" if "ways" not in entry else "best elsewhere: " + ", ".join(dict.fromkeys(entry["ways_chosen"]))
        found.append((name, plays, _cell(entry, "return"), _cell(entry, "difference")))
        found += [("", way, _cell(each, "return"), "") for way, each in entry.get("ways", {}).items()]
    return found


def _entry(returns: np.ndarray, baseline: np.ndarray | None, bootstrap: Bootstrap) -> dict[str, Any]:
    interval = bootstrap.interval(np.mean, returns)
    entry: dict[str, Any] = {"return": float(returns.mean()), "seeds": len(returns)}
    entry |= {"return_ci_low": interval.low, "return_ci_high": interval.high}
    if baseline is None:
        return entry
    apart = bootstrap.interval(_difference, returns, baseline)
    entry |= {"difference": float(returns.mean() - baseline.mean())}
    return entry | {"difference_ci_low": apart.low, "difference_ci_high": apart.high}


def _difference(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
    return one.mean(axis=axis) - other.mean(axis=axis)


def _cell(entry: Mapping[str, Any], number: str) -> str:
    if number not in entry:
        return ""
    form = "+.3f" if number == "difference" else ".3f"
    low, high = entry[f"{number}_ci_low"], entry[f"{number}_ci_high"]
    return f"{entry[number]:{form}} [{low:{form}}, {high:{form}}]"
