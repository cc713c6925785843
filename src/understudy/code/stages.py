"""What each stage runs: one description a stage, or one a stage and policy where the policy's family decides what is loaded.

describe_stages(root, families)      -- {"train_expert": ..., "train_policy/decoder": ...}
describe_own(root, folder, families) -- {"own/draw": ...}, of a study's own programs
read_stages(folder), write_stages(folder, described) -- the same as files, one each

A program loads families of policies by name, which no import statement shows. So where `load_family` is in its closure it says
which in a constant: `LOADS = ("expert", POLICY)`. POLICY is the family of the policy that it is called for, "ALL_FAMILIES"
are those of all policies. A program that says EVERY_POLICY loads none of them, but is told which columns each of them reads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.code.closure import SourceTree, class_constant, constant, parse
from understudy.code.distributions import versions
from understudy.code.fingerprint import fingerprint
from understudy.errors import DataError
from understudy.models.registry import DEMONSTRATORS, EVERY_POLICY, POLICY, family_names
from understudy.utils.jsonfile import read_json, write_json

REGISTRY = "understudy.models.registry"
LOADERS = {REGISTRY, f"{REGISTRY}.load_family"}  # imported whole, or the function
ALL_FAMILIES = "ALL_FAMILIES"
LAUNCHER, CODE = "run", "code"  # what starts every stage, and the stage that all others depend on

Described = dict[str, dict[str, Any]]


def stage_names(root: Path) -> list[str]:
    """Names of the stages whose code is described: programs in `root`/pipeline, sorted."""
    return sorted(file.stem for file in (root / "pipeline").glob("*.py") if file.stem not in (LAUNCHER, CODE))


def loads(program: Path, tree: SourceTree) -> tuple[str, ...]:
    """What a stage's program says that it loads by name; () where it loads nothing.

    Raises:
        DataError: it can load families and does not say which, or names one that does not exist.
    """
    said = constant(parse(program), "LOADS")
    if said is None and tree.closure(program).names & LOADERS:
        raise DataError(f"{program}: expected LOADS = (...), the families that it loads by name, found none")
    known = (*family_names(), *DEMONSTRATORS, POLICY, ALL_FAMILIES, EVERY_POLICY)
    for name in said or ():
        if name not in known:
            raise DataError(f"{program}: LOADS: expected some of {', '.join(known)}, got {name!r}")
    return said or ()


def describe_stages(root: Path, families: Mapping[str, str]) -> Described:
    """Modules and libraries of every stage.

    Args:
        root: the folder of src and pipeline.
        families: the family of each policy, by the policy's name.

    Returns:
        by stage, or stage/policy: `modules` with a hash each and `distributions` with a version each; for a stage of all policies
        `reads` too, the columns that the family of each reads, which is all that it needs to know of them.
    """
    walk = _Walk(root)
    described = {}
    for stage in stage_names(root):
        program = walk.program(stage)
        said = loads(program, walk.tree)
        fixed = _fixed(said, families)
        if EVERY_POLICY in said:
            reads = {name: sorted(walk.reads(family)) for name, family in families.items()}
            described[stage] = walk.describe(program, fixed) | {"reads": reads}
        elif POLICY in said:
            described |= {f"{stage}/{name}": walk.describe(program, {*fixed, families[name]}) for name in families}
        else:
            described[stage] = walk.describe(program, fixed)
    return described


def describe_own(root: Path, folder: Path, families: Mapping[str, str]) -> Described:
    """The same of a study's own programs, which lie in its `folder`, by own/ and their files' names.

    A program there that can load families and does not say which is taken to load those of all policies.
    """
    walk, described = _Walk(root), {}
    for program in sorted(folder.glob("*.py")):
        silent = constant(parse(program), "LOADS") is None and walk.tree.closure(program).names & LOADERS
        said = (ALL_FAMILIES,) if silent else loads(program, walk.tree)
        described[f"own/{program.stem}"] = walk.describe(program, _fixed(said, families))
    return described


def _fixed(said: tuple[str, ...], families: Mapping[str, str]) -> set[str]:
    """The families that a program loads, whatever policy it is called for."""
    named = {name for name in said if name not in (POLICY, ALL_FAMILIES, EVERY_POLICY)}
    return named | set(families.values()) if ALL_FAMILIES in said else named


class _Walk:
    """Descriptions of programs, each file read once."""

    def __init__(self, root: Path) -> None:
        self.root, self.tree = root, SourceTree(root / "src")
        self.hashes: dict[str, str] = {}

    def program(self, stage: str) -> Path:
        return self.root / "pipeline" / f"{stage}.py"

    def reads(self, family: str) -> tuple[str, ...]:
        """The columns in a family's class attribute `reads`, a literal frozenset."""
        file = self.tree.module_file(f"understudy.models.{family}")
        found = None if file is None else class_constant(parse(file), "reads")
        if found is None:
            raise DataError(f"{file}: expected a class with reads = frozenset({{...}}), words alone, found none")
        return found

    def describe(self, program: Path, families: set[str]) -> dict[str, Any]:
        imports = self.tree.closure(program, [f"understudy.models.{family}" for family in families])
        files = {module: file for module in imports.modules if (file := self.tree.module_file(module))}
        launcher = self.program(LAUNCHER)
        files |= {
            f"{'pipeline' if file.parent == launcher.parent else 'own'}.{file.stem}": file
            for file in (launcher, program)
        }
        for module in files.keys() - self.hashes.keys():
            self.hashes[module] = fingerprint(files[module])
        hashes = {module: self.hashes[module] for module in files if self.hashes[module]}
        return {"modules": hashes, "distributions": versions(imports.packages)}


def read_stages(folder: Path) -> Described:
    """What `write_stages` wrote; empty where it has not."""
    return {str(file.relative_to(folder).with_suffix("")): read_json(file) for file in sorted(folder.rglob("*.json"))}


def write_stages(folder: Path, described: Described) -> None:
    """One file a description, below an existing folder."""
    for name, description in described.items():
        write_json(folder / f"{name}.json", description)
