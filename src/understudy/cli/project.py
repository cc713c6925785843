"""New projects: a study beside others, on the repository's programs, or a project of its own that holds all that it runs.

create_project(folder, dvc_yaml, params) -- the folder, with git where there is none yet, and DVC
SOURCE                                   -- the programs and the values of the pipeline, in a checkout or as installed
"""

import importlib.resources
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from understudy.errors import ParameterError
from understudy.utils.atomic import replace_folder

TEMPLATES = Path(str(importlib.resources.files("understudy.cli"))) / "templates"
IGNORED = "/data/\n/models/\n/metrics/plots/\n.checkpoints/\n__pycache__/\n.venv/\n"
VENDORED = ("pipeline", "custom")


def source() -> Path:
    """Where params.yaml, dvc.yaml and pipeline/ lie: the checkout that this package is of, or what its wheel has installed.

    Raises:
        ParameterError: neither is there.
    """
    checkout, installed = Path(__file__).resolve().parents[3], Path(sysconfig.get_path("data")) / "share/understudy"
    for place in (checkout, installed):
        if (place / "pipeline/run.py").is_file() and (place / "params.yaml").is_file():
            return place
    raise ParameterError(
        f"expected the pipeline's programs in {checkout} or {installed}, found none: install the package again"
    )


def create_project(folder: Path, dvc_yaml: str, params: str, notes: str, data: Mapping[str, Path] | None = None) -> str:
    """Make a project in a new folder; returns what to do next.

    Where the folder lies in a checkout of this project it becomes a study: a DVC project of its own on the checkout's programs
    and cache. Elsewhere it gets copies of the package, of the programs and of the lock file, and git: all that its results depend
    on lies in it.

    Args:
        folder: which must not exist.
        dvc_yaml: the stages, with a line `vars: [{root: .}]`.
        params: params.yaml.
        notes: README.md.
        data: files and folders to copy, by where they are to lie in it.

    Raises:
        ParameterError: the folder exists, or git or DVC cannot make a repository there.
    """
    if folder.exists():
        raise ParameterError(f"{folder}: expected a folder that does not exist yet, since nothing is overwritten")
    folder = folder.resolve()
    root = _checkout(folder)
    relative = os.path.relpath(root, folder) if root else "."
    with replace_folder(folder) as unfinished:
        (unfinished / "params.yaml").write_text(params, encoding="utf-8")
        (unfinished / "dvc.yaml").write_text(dvc_yaml.replace("root: .}", f"root: {relative}}}"), encoding="utf-8")
        (unfinished / "README.md").write_text(notes, encoding="utf-8")
        (unfinished / ".gitignore").write_text(IGNORED, encoding="utf-8")
        shutil.copy(source() / ".dvcignore", unfinished / ".dvcignore")
        for name, origin in (data or {}).items():
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(origin, unfinished / name) if origin.is_dir() else shutil.copy(origin, unfinished / name)
        if root is None:
            _copy_code(unfinished)
            _run(unfinished, "git", "init", "--quiet")
        dvc = (sys.executable, "-m", "dvc")
        _run(unfinished, *dvc, "init", "--quiet", *([] if root is None else ["--subdir"]))
        _run(unfinished, *dvc, "config", "--quiet", "core.analytics", "false")
        if root is not None:
            _run(unfinished, *dvc, "cache", "dir", "--quiet", os.path.relpath(root / ".dvc/cache", folder))
    return f"cd {os.path.relpath(folder)} && dvc repro"


def _checkout(folder: Path) -> Path | None:
    """The checkout of this project that the folder lies in."""
    for parent in folder.parents:
        if (parent / "pipeline/run.py").is_file() and (parent / "src/understudy/__init__.py").is_file():
            return parent
    return None


def _copy_code(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(Path(__file__).resolve().parents[1], target / "src/understudy", ignore=ignored)
    for name in VENDORED:
        shutil.copytree(source() / name, target / name, ignore=ignored)
    shutil.copy(source() / "requirements.lock", target / "requirements.lock")


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ParameterError(f"{command[0]}: expected it to be installed, got: {error.strerror}") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise ParameterError(f"{folder}: expected `{' '.join(command[-4:])}` to succeed, got: {said}")
