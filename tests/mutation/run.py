"""Plant mistakes in the numerical core, one at a time, and see whether the tests of the module notice.

    python -m tests.mutation.run [--count N] [--only PREFIX ...]

Which mistakes are tried is drawn by a hash of what they are, so that a change of the code exchanges few of them. What no test
can notice is listed in survivors.yaml with the reason. Fails where a mistake that is not listed survives, where a listed one is
found or no longer exists, and where less than 95 % are found. Goes on where it was interrupted: what was tried before on the
same files is read from .mutants/results.jsonl; .mutants/results.md tells all of the last run.
"""

import argparse
import hashlib
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

from ruamel.yaml import YAML

from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.trial import Baseline, Copy

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RESULTS = ".mutants"
LEAST_SHARE = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Plant mistakes in the numerical core and see whether the tests notice."
    )
    parser.add_argument("--count", type=int, default=400, help="mistakes to try; 0 tries all")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of the modules' paths")
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time")
    arguments = parser.parse_args()
    core, listed = _read(HERE / "core.yaml"), _read(HERE / "survivors.yaml") or []
    modules = [module for module in modules_of(ROOT, core["modules"]) if module.startswith(tuple(arguments.only))]
    mutants = [mutant for module in modules for mutant in mutants_of(ROOT, module)]
    chosen = drawn(mutants, arguments.count or len(mutants), arguments.seed)
    began = time.monotonic()
    found = try_all(ROOT, core, chosen, arguments.jobs)
    reasons = {key_of(entry): entry["reason"] for entry in listed if entry["module"] in modules}
    known = {mutant.key for mutant in mutants}
    complaints = [f"listed, but no longer there: {key}" for key in reasons if key not in known]
    complaints += [
        f"listed, but found: {each.key}" for each in chosen if each.key in reasons and found[each] is not None
    ]
    unlisted = [each for each in chosen if found[each] is None and each.key not in reasons]
    table = report(chosen, found, reasons)
    (ROOT / RESULTS / "results.md").write_text(table)
    print(table.split("\n## ")[0])
    print(f"{len(chosen)} of {len(mutants)} mutants in {time.monotonic() - began:.0f} s")
    for mutant in unlisted:
        print(f"\n{mutant.module}:{mutant.line}: survived, and is not listed:\n{as_entry(mutant)}")
    print(*complaints, sep="\n")
    enough = sum(by is not None for by in found.values()) >= LEAST_SHARE * len(chosen)
    return 0 if enough and not complaints and not unlisted else 1


def modules_of(root: Path, patterns: list[str]) -> list[str]:
    """Paths of the modules that the patterns name; ValueError where one names none."""
    modules = []
    for pattern in patterns:
        found = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern) if path.name != "__init__.py")
        if not found:
            raise ValueError(f"core.yaml: modules: expected files that match, got none for {pattern}")
        modules += found
    return modules


def tests_of(root: Path, module: str, further: dict[str, list[str]]) -> list[str]:
    """The test files of a module; ValueError where it has none."""
    path = Path(module)
    folder = root / "tests" / Path(*path.parts[2:-1])
    found = sorted({*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")})
    tests = [each.relative_to(root).as_posix() for each in found] + further.get(module, [])
    if not tests:
        raise ValueError(f"{module}: expected tests in {folder.relative_to(root)}/test_{path.stem}.py, got none")
    return tests


def drawn(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of the mutants, in their order: those whose keys have the smallest hashes."""
    chosen = set(sorted(mutants, key=lambda mutant: hashlib.sha256(repr((seed, mutant.key)).encode()).digest())[:count])
    return [mutant for mutant in mutants if mutant in chosen]


def try_all(root: Path, core: dict, chosen: list[Mutant], jobs: int) -> dict[Mutant, str | None]:
    """What found each of the mutants, None where nothing did."""
    log = root / RESULTS / "results.jsonl"
    log.parent.mkdir(exist_ok=True)
    tests = {module: tests_of(root, module, core["tests"]) for module in dict.fromkeys(each.module for each in chosen)}
    first = Copy(root, core["copied"])
    copies = [first]
    try:
        baselines = {module: first.baseline(module, files) for module, files in tests.items()}
        before = _tried_before(log)
        found = {each: before[_name(each, baselines)] for each in chosen if _name(each, baselines) in before}
        waiting = [each for each in chosen if each not in found][::-1]
        copies += [Copy(first.folder, core["copied"], bytecode=True) for _ in range(1, jobs)]
        running: dict[Copy, Mutant] = {}
        while waiting or running:
            for copy in copies:
                if copy not in running and waiting:
                    running[copy] = waiting.pop()
                    copy.begin(running[copy], tests[running[copy].module], baselines[running[copy].module])
                over, by = copy.ended() if copy in running else (False, None)
                if over:
                    mutant = running.pop(copy)
                    found[mutant] = by
                    with log.open("a") as lines:
                        lines.write(json.dumps([_name(mutant, baselines), by]) + "\n")
                    if sys.stderr.isatty():
                        print(f"\r{len(found)} of {len(chosen)}", end="", file=sys.stderr)
            time.sleep(0.01)
    finally:
        for copy in copies:
            copy.remove()
    return found


def report(chosen: list[Mutant], found: dict[Mutant, str | None], reasons: dict[tuple, str]) -> str:
    """Markdown: how many were found in each module, then every mutant."""
    rows, by_module = (
        ["| Module | Tried | Found | Survived, listed | Survived |", "|---|---|---|---|---|"],
        defaultdict(list),
    )
    for mutant in chosen:
        by_module[mutant.module].append(mutant)
    for module, group in [*by_module.items(), ("all", chosen)]:
        noticed = sum(found[mutant] is not None for mutant in group)
        listed = sum(found[mutant] is None and mutant.key in reasons for mutant in group)
        rows.append(f"| {module} | {len(group)} | {noticed} | {listed} | {len(group) - noticed - listed} |")
    for module, group in by_module.items():
        rows += [f"\n## {module}\n"]
        for mutant in group:
            by = found[mutant] or f"survived: {reasons.get(mutant.key, 'NOT LISTED')}"
            rows.append(f"- {mutant.line}, {mutant.operator}: `{mutant.before}` -> `{mutant.after}`: {by}")
    return "\n".join(rows) + "\n"


def key_of(entry: dict) -> tuple:
    """The key of the mutant that an entry of survivors.yaml names."""
    return entry["module"], entry["function"], entry["before"], entry["after"], entry.get("repetition", 0)


def as_entry(mutant: Mutant) -> str:
    """A mutant as an entry of survivors.yaml, but for the reason."""
    lines = [f"- module: {mutant.module}", f"  function: {json.dumps(mutant.function)}"]
    lines += [f"  before: {json.dumps(mutant.before)}", f"  after: {json.dumps(mutant.after)}"]
    lines += [f"  repetition: {mutant.repetition}"] if mutant.repetition else []
    return "\n".join([*lines, "  reason:"])


def _name(mutant: Mutant, baselines: dict[str, Baseline]) -> str:
    return json.dumps([*mutant.key, baselines[mutant.module].fingerprint])


def _tried_before(log: Path) -> dict[str, str | None]:
    return dict(map(json.loads, log.read_text().splitlines())) if log.exists() else {}


def _read(path: Path):
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
