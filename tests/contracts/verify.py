"""`make verify`: run a small pipeline twice in a folder of its own and print each artefact's two hashes.

The second run is forced, so nothing comes from the cache, and uses one worker where the first used two.
"""

import sys
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from tests.contracts.small_pipeline import copy_project, run, set_params


def artefacts(folder: Path) -> dict[str, str]:
    """The hash of each stage's each output, from dvc.lock."""
    stages = YAML(typ="safe").load((folder / "dvc.lock").read_text())["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def compare_two_runs(folder: Path) -> list[tuple[str, str, str]]:
    """Path, first and second hash of every artefact."""
    copy_project(folder)
    run(folder, "dvc", "repro")
    first = artefacts(folder)
    set_params(folder, {"compute.workers": 1})
    run(folder, "dvc", "repro", "--force")
    second = artefacts(folder)
    return [(path, first[path], second.get(path, "missing")) for path in sorted(first)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = compare_two_runs(Path(folder))
    for path, first, second in rows:
        print(f"{path:36} {first:36} {second:36} {'same' if first == second else 'OTHER'}")
    same = sum(first == second for _, first, second in rows)
    print(f"{same} of {len(rows)} artefacts identical")
    sys.exit(0 if same == len(rows) else 1)


if __name__ == "__main__":
    main()
