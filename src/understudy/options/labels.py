"""Option labels on disk, beside the sequences they belong to: one value a step, in the steps' order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.errors import DataError
from understudy.interface import Interface
from understudy.sequences.split_file import map_arrow, write_arrow
from understudy.sequences.store import Sequences
from understudy.utils.jsonfile import read_json, sha256, write_json

SCHEMA = pa.schema(
    [pa.field("option", pa.int16(), nullable=False), pa.field("termination", pa.bool_(), nullable=False)]
)


def write_labels(
    folder: Path, sequences_sha256: str, num_options: int, labels: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Write options (N,) and terminations (N,) of each split to an existing folder, and which sequences they label."""
    for split, (options, terminations) in labels.items():
        arrays = [pa.array(options.astype(np.int16)), pa.array(terminations.astype(bool))]
        write_arrow(folder / f"{split}.arrow", SCHEMA, arrays)
    files = {f"{split}.arrow": sha256(folder / f"{split}.arrow") for split in labels}
    content: dict[str, Any] = {"num_options": num_options, "sequences": sequences_sha256, "files": files}
    write_json(folder / "options.json", content)


def with_labels(sequences: Sequences, folder: Path, split: str) -> Sequences:
    """The sequences with the options that were found in them.

    Raises:
        DataError: a file is missing or truncated, or the labels belong to other sequences.
    """
    description, path = folder / "options.json", folder / f"{split}.arrow"
    content = read_json(description)
    if content.get("sequences") != sequences.sha256:
        raise DataError(
            f"{description}: expected labels of the sequences {sequences.sha256[:12]},"
            f" got of {str(content.get('sequences'))[:12]}"
        )
    batch, _ = map_arrow(path, SCHEMA)
    if batch.num_rows != sequences.num_steps:
        raise DataError(f"{path}: expected {sequences.num_steps} labels, one a step, got {batch.num_rows}")
    options = batch.column("option").to_numpy()
    num_options = content.get("num_options")
    if not (isinstance(num_options, int) and 0 <= options.min() and options.max() < num_options):
        raise DataError(
            f"{path}: column option: expected values from 0 to below {num_options},"
            f" got {options.min()} to {options.max()}"
        )
    terminations = batch.column("termination").to_numpy(zero_copy_only=False)
    return labelled(sequences, options, terminations, num_options)


def labelled(sequences: Sequences, options: np.ndarray, terminations: np.ndarray, num_options: int) -> Sequences:
    """The sequences with options (N,) int16 below num_options and terminations (N,) bool as columns."""
    interface = Interface((replace(sequences.task, num_options=num_options),))
    return replace(sequences, interface=interface, labels_of_steps={"option": options, "termination": terminations})
