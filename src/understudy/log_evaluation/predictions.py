"""Predictions on disk: what a policy or a baseline says of the held-out runs and of the test, a folder each.

Predictions                  -- of one split
write_predictions(folder, of_split), read_predictions(folder)  -- by the split's name
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from understudy.errors import DataError

FILE = "predictions.safetensors"
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Predictions:
    """N steps, C choices.

    Attributes:
        logits: (N, C) float32.
        values: (N,) float32, the outcome that is expected; None where none is.
        options: (N,) int64, the option that is followed; None where there are none.
    """

    logits: np.ndarray
    values: np.ndarray | None = None
    options: np.ndarray | None = None


def write_predictions(folder: Path, of_split: Mapping[str, Predictions]) -> None:
    """Write the predictions of both splits to an existing folder."""
    tensors: dict[str, np.ndarray] = {}
    for split, predictions in of_split.items():
        named = {"logits": predictions.logits, "values": predictions.values, "options": predictions.options}
        tensors |= {f"{split}.{name}": np.ascontiguousarray(each) for name, each in named.items() if each is not None}
    (folder / FILE).write_bytes(safetensors.numpy.save(tensors))


def read_predictions(folder: Path) -> dict[str, Predictions]:
    """Read what `write_predictions` wrote; DataError where it is missing or damaged."""
    try:
        tensors = safetensors.numpy.load_file(folder / FILE)
        return {
            split: Predictions(
                tensors[f"{split}.logits"], tensors.get(f"{split}.values"), tensors.get(f"{split}.options")
            )
            for split in SPLITS
        }
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(f"{folder / FILE}: expected predictions, got a file that cannot be read: {error}") from None
