"""understudy new: a fresh project, or a study."""

import argparse
from pathlib import Path

from understudy.cli.project import create_project, source

HELP = "make a project of its own in a new folder, or a study inside a checkout"
EXAMPLE = "understudy new my-project && cd my-project && dvc repro"
NOTES = """# {name}

An imitation-learning pipeline made by `understudy new`. Every value is in `params.yaml`; `dvc repro` runs what a value touches.
The table is in `metrics/summary.json`, the report in `metrics/report.html`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("folder", type=Path, help="which must not exist yet")


def run(arguments: argparse.Namespace) -> None:
    """Copy the pipeline and its values."""
    dvc_yaml, params = ((source() / name).read_text(encoding="utf-8") for name in ("dvc.yaml", "params.yaml"))
    following = create_project(arguments.folder, dvc_yaml, params, NOTES.format(name=arguments.folder.name))
    print(f"{arguments.folder} is there; next: {following}")
