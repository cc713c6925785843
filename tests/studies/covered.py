"""Whether a study's stage depends on all the code that its own program imports.

not_covered(study, stage, families) -- modules of its closure that no dependency describes or names
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ruamel.yaml import YAML

from tests.imports import ROOT, SOURCE
from understudy.code.closure import SourceTree, constant, parse
from understudy.code.stages import ALL_FAMILIES

TREE = SourceTree(SOURCE)
CODE = "/data/code/"


def modules(program: Path, families: Sequence[str]) -> set[str]:
    return set(TREE.closure(program, [f"understudy.models.{family}" for family in families]).modules)


def not_covered(study: Path, stage: str, families: Mapping[str, Sequence[str]], loads: Sequence[str]) -> set[str]:
    """The modules that `study`/dvc.yaml's `stage` leaves out.

    Args:
        families: by the policy in a description's name, those that it is of.
        loads: families that the program itself loads.
    """
    entry = YAML(typ="safe").load((study / "dvc.yaml").read_text())["stages"][stage]
    [program] = [word for word in entry["cmd"].split() if word.endswith(".py") and "/" not in word]
    assert program in entry["deps"]
    found: set[str] = set()
    for path in entry["deps"]:
        if CODE in path:
            described, _, policy = path.partition(CODE)[2].removesuffix(".json").partition("/")
            of = ROOT / "pipeline" / f"{described}.py"
            of_all = [each for several in families.values() for each in several]
            fixed = of_all if ALL_FAMILIES in (constant(parse(of), "LOADS") or ()) else []
            found |= modules(of, families[policy] if policy else fixed)
        elif path.endswith(".py") and path != program:
            found.add(".".join((study / path).resolve().relative_to(SOURCE).with_suffix("").parts))
    return modules(study / program, loads) - found
