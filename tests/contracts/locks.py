"""Which results in git are of other code than what is there: what lock files say of it, against what the stage `code` writes now.

    python -m tests.contracts.locks [FOLDER ...]

prints the stages, and fails where there are any. Without folders: of the root and of every study.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.builders import imported
from tests.imports import ROOT

WRITTEN = "data/code/"


def stale_stages(folder: Path) -> dict[str, list[str]]:
    """By the stages of a folder's dvc.lock, the descriptions of code that they were run with and that are others now."""
    stages = read_yaml(folder / "dvc.lock")["stages"]
    written = read_yaml(folder / "dvc.yaml")["stages"]
    current: dict[Path, dict[str, str]] = {}
    stale: dict[str, list[str]] = {}
    for stage, entry in stages.items():
        for dependency in entry.get("deps", []):
            before, found, name = dependency["path"].rpartition(WRITTEN)
            if not found or dependency["md5"].endswith(".dir"):
                continue
            run = (folder / written.get(stage.partition("@")[0], {}).get("wdir", ".") / before).resolve()
            if run not in current:
                current[run] = describe(run) if (run / "params.yaml").exists() else {}
            if current[run].get(name) != dependency["md5"]:
                stale.setdefault(stage, []).append(dependency["path"])
    return stale


def read_yaml(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path.read_text())


def describe(run: Path) -> dict[str, str]:
    """MD5 of the files that the stage `code` would write in a folder of params.yaml, by their names."""
    program = imported(ROOT / "pipeline/code.py")
    program.remove_bytecode = lambda: None  # other tests are running
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for path in [*run.glob("*.py"), *run.glob("*.yaml"), *run.glob("*/params.yaml")]:
            target = Path(folder) / path.relative_to(run)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        os.chdir(folder)
        try:
            with redirect_stdout(None):
                program.work()
        finally:
            os.chdir(here)
        written = Path(folder) / WRITTEN
        return {
            path.relative_to(written).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
            for path in written.rglob("*.json")
        }


def main(names: list[str]) -> int:
    folders = [ROOT / name for name in names] or [
        ROOT,
        *(path.parent for path in sorted((ROOT / "studies").rglob("dvc.lock"))),
    ]
    count = 0
    for folder in folders:
        stale = stale_stages(folder)
        count += len(stale)
        if stale:
            print(f"{folder.relative_to(ROOT)}: {len(stale)} stages are of other code: {', '.join(stale)}")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
