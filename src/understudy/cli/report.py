"""understudy report: the page about a run, and what differs from a commit."""

import argparse
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import DataError, ParameterError

if TYPE_CHECKING:
    from understudy.report.page import Section

HELP = "make the page about a run, with what differs from a commit"
EXAMPLE = "understudy report --against HEAD --out report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="of the project; the current one")
    parser.add_argument("--against", metavar="REV", help="a commit, branch or tag of git; HEAD, where there is one")
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="the file to write; report.html")


def run(arguments: argparse.Namespace) -> None:
    """Read what the stages have left, and write the page."""
    import torch

    from understudy.params.project import load_project
    from understudy.params.whole import Params
    from understudy.report.outcome import read_outcome
    from understudy.report.page import page
    from understudy.report.sections import introduction, sections, title
    from understudy.utils.atomic import replace_file

    if arguments.out.suffix != ".html":
        raise ParameterError(f"--out: expected a name that ends with .html, got {arguments.out.name}")
    path = arguments.folder / "params.yaml"
    if not isinstance(load_project(path), Params):
        raise ParameterError(
            f"{path}: expected a project that is judged in its environment, got one of logs, games in text or several tasks;"
            " of the first two `dvc repro` makes the page, metrics/report.html"
        )
    torch.set_num_threads(1)  # an episode's tensors are tiny
    outcome = read_outcome(arguments.folder)
    first, *others = sections(outcome)
    text = page(title(outcome), introduction(outcome), [first, _changes(arguments), *others])
    with replace_file(arguments.out) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    print(f"{arguments.out} is there")


def _changes(arguments: argparse.Namespace) -> "Section":
    """What differs from the commit that is asked for, or from the last one; why that is not known where nobody asked."""
    from understudy.report.page import Section, note

    try:
        return changes(arguments.folder, arguments.against or "HEAD")
    except ParameterError as error:
        if arguments.against:
            raise
        return Section("What differs from HEAD", note(f"Not known. {error}"))


def changes(folder: Path, revision: str) -> "Section":
    """What differs in scores and parameters from what git holds.

    Raises:
        ParameterError: git does not know the revision, or it has no scores.
    """
    import json

    from ruamel.yaml import YAML

    from understudy.params.load import read_yaml
    from understudy.report.sections import differences_section, flat
    from understudy.utils.jsonfile import read_json

    before = json.loads(_committed(folder, revision, "metrics/summary.json"))
    former = dict(flat(YAML(typ="safe", pure=True).load(_committed(folder, revision, "params.yaml"))))
    present = dict(flat(read_yaml(folder / "params.yaml")))
    keys = [key for key in dict.fromkeys([*former, *present]) if former.get(key) != present.get(key)]
    changed = [(key, former.get(key, "none"), present.get(key, "none")) for key in keys]
    return differences_section(revision, before, read_json(folder / "metrics/summary.json"), changed)


def _committed(folder: Path, revision: str, name: str) -> Any:
    """A file's text as it stands in a commit."""
    try:
        done = subprocess.run(
            ("git", "show", f"{revision}:./{name}"), cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError as error:
        if not folder.is_dir():
            raise DataError(f"{folder}: expected the folder of a project, found none") from None
        raise ParameterError(f"git: expected it to be installed, got: {error.strerror}") from None
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("fatal: ")
        raise ParameterError(f"--against: expected a commit with {name}, got {revision!r}: {said}")
    return done.stdout
