"""understudy import logs: transcripts of LLM agents as Parquet, or a project that learns from them."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import get_args

from understudy.cli.project import TEMPLATES, create_project
from understudy.errors import ParameterError
from understudy.params.logs import LogFormat

HELP = "read logs of LLM agents, of many formats, into Parquet, or make a project that learns from them"
TRANSCRIPTS = "transcripts"  # folder of the copies
EXAMPLE = "understudy import logs transcripts/ more.jsonl --to my-agent && cd my-agent && dvc repro"
NOTES = """# {name}

Policies learn what comes next in the runs below `transcripts`. The table is in `metrics/results.md`, what they say of success in
`metrics/success.md`, odd steps, loops and what was looked at in `metrics/report.html`; `packed` holds policies to act with.
Made by `understudy import logs`; `dvc repro` runs it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with files below it")
    parser.add_argument(
        "--format", choices=get_args(LogFormat), default="auto", help="auto tells it by the first record of each file"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, default=Path("data/logs"), metavar="FOLDER", help="default: %(default)s")
    where.add_argument(
        "--to", type=Path, metavar="FOLDER", help="a new project with a copy of the logs, in place of --out"
    )
    parser.add_argument("--skip-bad", action="store_true", help="count bad records and leave them out")


def run(arguments: argparse.Namespace) -> None:
    """Import, and say what was found."""
    from understudy.logs.importing import import_logs

    if arguments.to is None:
        summary = import_logs(arguments.paths, arguments.format, arguments.out, arguments.skip_bad)
        print("\n".join([*summary.lines(), f"written to {arguments.out}"]))
        return
    copies = copied(arguments.paths, arguments.to)
    with tempfile.TemporaryDirectory() as scratch:  # all is read once, before anything is made
        summary = import_logs(arguments.paths, arguments.format, Path(scratch) / "logs", arguments.skip_bad)
    dvc_yaml, params = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("own_logs.yaml", "own_logs_params.yaml")
    )
    about = {"paths": paths_of(copies), "format": arguments.format, "skip_bad": arguments.skip_bad}
    section = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in about.items())
    first, _, rest = params.partition("\n\n")
    params = f"{first}\n\nlogs:\n{section}\n{rest}"
    following = create_project(arguments.to, dvc_yaml, params, NOTES.format(name=arguments.to.name), copies)
    print("\n".join([*summary.lines(), f"copied to {arguments.to}; next: {following}"]))


def copied(paths: list[Path], target: Path) -> dict[str, Path]:
    """Where in the project each file of logs below the paths is to lie; nothing else of a folder is copied.

    Raises:
        ParameterError: the project exists, a path does not, or two have one name. DataError: there is no file of logs.
    """
    from understudy.logs.records import find_files

    if target.exists():
        raise ParameterError(f"--to: expected a folder that does not exist yet, got {target}")
    names: dict[Path, str] = {}
    for path in paths:
        name = path.resolve().name
        if name in names.values():
            raise ParameterError(f"--to: expected paths of different names, got two called {name}")
        names[path] = name
    found = {}
    for file in find_files(paths, target):
        given = max((path for path in paths if file.path.is_relative_to(path)), key=lambda path: len(path.parts))
        found[(Path(TRANSCRIPTS) / names[given] / file.path.relative_to(given)).as_posix()] = file.path
    return found


def paths_of(copies: dict[str, Path]) -> list[str]:
    """What `logs.paths` says of them: the folder, and by name the files that nobody would look for in a folder."""
    from understudy.logs.records import SUFFIXES

    return [TRANSCRIPTS, *(name for name in copies if Path(name).suffix.lower() not in SUFFIXES)]
