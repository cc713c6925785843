"""understudy export: a recording for another library."""

import argparse
from pathlib import Path

from understudy.rollouts.parquet import open_recording
from understudy.sources.export import KINDS, export

HELP = "write a recording or an evaluation in another library's format"
EXAMPLE = "understudy export npz data/evaluation/decoder/seed_0 --to decoder.npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("format", choices=KINDS)
    parser.add_argument("recording", type=Path, help="a folder with steps.parquet and episodes.parquet")
    parser.add_argument("--to", required=True, help="a new file; of Minari the id of a new dataset")


def run(arguments: argparse.Namespace) -> None:
    """Write the episodes as they were executed."""
    count = export(open_recording(arguments.recording), arguments.to, arguments.format)
    print(f"{count} episodes are in {arguments.to}")
