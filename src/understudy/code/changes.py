"""Whose code has changed, for people.

describe_changes(before, after) -- a line a module or library, with the stages that run it
format_table(root)              -- every module against the stages that its change makes stale
"""

from collections import defaultdict
from pathlib import Path

from understudy.code.stages import Described, describe_stages
from understudy.models.registry import family_names


def describe_changes(before: Described, after: Described) -> list[str]:
    """What is new, gone or another in `after`, and in which stages; one line where nothing is."""
    if not before:
        return [f"{len(after)} descriptions of code, and no earlier ones to compare them with"]
    lines = [f"{name} is {'new' if name in after else 'gone'}" for name in sorted(before.keys() ^ after.keys())]
    stages = defaultdict(list)
    for name in sorted(before.keys() & after.keys()):
        for change in _differences(before[name], after[name]):
            stages[change].append(name)
    lines += [f"{change}: {_short(names, after)}" for change, names in sorted(stages.items())]
    return lines or ["no stage's code has changed"]


def _differences(before: dict, after: dict) -> list[str]:
    """One stage's changes in words."""
    modules, former = after.get("modules", {}), before.get("modules", {})
    changes = [f"{name} {'is new' if name in modules else 'is gone'}" for name in modules.keys() ^ former.keys()]
    changes += [f"{name} has changed" for name in modules.keys() & former.keys() if modules[name] != former[name]]
    libraries, former = after.get("distributions", {}), before.get("distributions", {})
    for name in libraries.keys() | former.keys():
        if libraries.get(name) != former.get(name):
            changes.append(f"{name} {former.get(name) or 'none'} is now {libraries.get(name) or 'none'}")
    return changes


def _short(names: list[str], after: Described) -> str:
    """Stages with all their policies by the stage's name alone."""
    if set(names) == set(after):
        return "every stage"
    of_stage, all_of_stage = defaultdict(list), defaultdict(list)
    for found, listed in ((of_stage, names), (all_of_stage, after)):
        for name in listed:
            found[name.partition("/")[0]].append(name)
    shortened = [[stage] if len(of_stage[stage]) == len(all_of_stage[stage]) else of_stage[stage] for stage in of_stage]
    return ", ".join(name for stage in shortened for name in stage)


def format_table(root: Path) -> str:
    """Markdown: a row a module, a column a stage; x where a change of the module makes the stage stale, with whatever policy.

    Where it depends on the policy's family the cell has the numbers of the families, which are listed first.
    """
    families = family_names()
    described = describe_stages(root, {family: family for family in families})
    stages = list(dict.fromkeys(name.partition("/")[0] for name in described))
    modules = sorted(set().union(*(description["modules"] for description in described.values())))
    header = ["module", *stages]
    rows = [header, *([module, *(_cell(module, stage, described, families) for stage in stages)] for module in modules)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    rows.insert(1, ["-" * width for width in widths])
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    legend = ", ".join(f"{number} {family}" for number, family in enumerate(families, start=1))
    return "\n".join([f"families: {legend}", "", *lines])


def _cell(module: str, stage: str, described: Described, families: list[str]) -> str:
    if stage in described:
        return "x" if module in described[stage]["modules"] else ""
    numbers = [n for n, family in enumerate(families, 1) if module in described[f"{stage}/{family}"]["modules"]]
    return "x" if len(numbers) == len(families) else " ".join(map(str, numbers))
