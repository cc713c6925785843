"""Ways to find the next reply side by side: means over training seeds, intervals over tasks.

summarise_ways(found, searches) -- {"words": {...}, ...}, JSON-ready
format_ways(summary)            -- Markdown
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from understudy.log_evaluation.reply_ways import Found, Searches

BASELINE = "words"
COLUMNS = {
    "r_at_1": "R@1",
    "r_at_5": "R@5",
    "mrr": "MRR",
    "coverage": "acts",
    "coverage_precision": "and is right",
    "calibration_error": "ECE",
}


def summarise_ways(found: Mapping[str, Sequence[Found]], searches: Searches) -> dict[str, dict[str, Any]]:
    """Means of each number over the seeds; intervals of R@1, and of what it has more than that of the words."""
    summary = {}
    for name, each in found.items():
        entry: dict[str, Any] = {key: _mean([one.numbers[key] for one in each]) for key in each[0].numbers}
        entry |= {"seeds": len(each)}
        entry |= {
            f"weight_of_{of}": _mean([one.weights[place] for one in each])
            for place, of in enumerate(("policy", "words"))
        }
        interval, apart = searches.interval(each), searches.difference(each, found[BASELINE])
        entry |= {"r_at_1_ci_low": interval.low, "r_at_1_ci_high": interval.high}
        entry |= {"r_at_1_difference_ci_low": apart.low, "r_at_1_difference_ci_high": apart.high}
        summary[name] = entry
    for entry in summary.values():
        entry["r_at_1_difference"] = entry["r_at_1"] - summary[BASELINE]["r_at_1"]
    return summary


def format_ways(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """A row a way, intervals in brackets, and last what R@1 has more than that of the words."""
    header = ["how", *COLUMNS.values(), "R@1 more than by words"]
    rows = [header, ["---", *["---:"] * (len(header) - 1)]]
    for name, entry in summary.items():
        apart = "" if name == BASELINE else _cell(entry, "r_at_1_difference", "+.3f")
        rows.append([name, *(_cell(entry, number) for number in COLUMNS), apart])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _cell(entry: Mapping[str, Any], number: str, form: str = ".3f") -> str:
    value = entry[number]
    if value is None:
        return ""
    low, high = entry.get(f"{number}_ci_low"), entry.get(f"{number}_ci_high")
    return f"{value:{form}}" if low is None else f"{value:{form}} [{low:{form}}, {high:{form}}]"
