"""understudy import logs: transcripts of LLM agents as Parquet."""

import argparse
from pathlib import Path
from typing import get_args

from understudy.params.logs import LogFormat

HELP = "read logs of LLM agents, of many formats, into Parquet that policies learn from"
EXAMPLE = "understudy import logs transcripts/ more.jsonl --out data/logs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder with files below it")
    parser.add_argument(
        "--format", choices=get_args(LogFormat), default="auto", help="auto tells it by the first record of each file"
    )
    parser.add_argument("--out", type=Path, default=Path("data/logs"), metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--skip-bad", action="store_true", help="count bad records and leave them out")


def run(arguments: argparse.Namespace) -> None:
    """Import, and say what was found."""
    from understudy.logs.importing import import_logs

    summary = import_logs(arguments.paths, arguments.format, arguments.out, arguments.skip_bad)
    print("\n".join([*summary.lines(), f"written to {arguments.out}"]))
