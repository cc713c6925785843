"""The table on the screen, and its cells for the report."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = ("policy", "return", "IQM", "score [interval]", "beyond", "solved", "steps", "accuracy", "agreement")


def format_table(summary: Mapping[str, Mapping[str, Any]], baseline: str | None) -> str:
    """Lines of a table with one policy a row, at most 130 columns wide; the same text serves as Markdown."""
    header = tuple(f"beyond {baseline}" if cell == "beyond" and baseline is not None else cell for cell in HEADER)
    rows = [header, *(row(name, entry) for name, entry in summary.items())]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(header))]
    lines = ["| " + " | ".join(_pad(cells, widths)) + " |" for cells in rows]
    rule = "|" + "|".join("-" * (width + 1) + (":" if index else "-") for index, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def describe_options(summary: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each policy that plays with options."""
    return [
        f"{name}: {_usage(entry['option_usage'])}, holds one for"
        f" {entry['option_dwell']:.0f}; with options shuffled the score is {with_interval(entry, 'shuffled_score')}"
        for name, entry in summary.items()
        if "shuffled_score" in entry
    ]


def _usage(shares: Sequence[float]) -> str:
    unused = [str(option) for option, share in enumerate(shares) if share == 0]
    if unused:
        return f"never uses option{'s' * (len(unused) > 1)} {', '.join(unused)}"
    return f"uses each option in at least {int(100 * min(shares))} % of the steps"


def describe_differences(differences: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A sentence for each pair of policies that is compared."""
    return [f"{pair}: {with_interval(entry, 'gain')} of score" for pair, entry in differences.items()]


def row(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """A policy's cells, under HEADER."""
    return (
        name,
        f"{entry['return_mean']:.1f}",
        f"{entry['return_iqm']:.1f}",
        with_interval(entry, "score") if "score" in entry else "1, by definition",
        with_interval(entry, "gain") if "gain" in entry else "",
        "" if entry["solved_rate"] is None else f"{100 * entry['solved_rate']:.1f} %",
        f"{entry['length_mean']:.0f}",
        _share(entry.get("action_accuracy")),
        _share(entry.get("on_policy_agreement")),
    )


def with_interval(entry: Mapping[str, Any], key: str) -> str:
    """A figure of the summary with its interval."""
    return f"{entry[key]:.3f} [{entry[f'{key}_ci_low']:.3f}, {entry[f'{key}_ci_high']:.3f}]"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _pad(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        cell.rjust(width) if index else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
