"""The data of DVC's plots: learning curves, returns, demonstrated against chosen actions."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from understudy.errors import DataError
from understudy.rollouts.parquet import Recording
from understudy.utils.csvfile import write_csv

CONFUSION_EPISODES = 20
STUDENT_COLUMNS = ("step", "train_loss", "validation_loss")
EXPERT_COLUMNS = ("steps", "return_mean")


def read_curve(path: Path, columns: Sequence[str]) -> list[dict[str, float]]:
    """Rows of a learning_curve.csv that has at least these columns.

    Raises:
        DataError: the file is missing, lacks a column, or holds something that is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise DataError(f"{path}: expected the columns {', '.join(columns)}, got none called {min(missing)}")
            return [{name: float(value) for name, value in row.items()} for row in reader]
    except FileNotFoundError:
        raise DataError(f"{path}: expected a learning curve, found no such file") from None
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected a table of numbers, got: {error}") from None


def read_curves(folder: Path, policies: Iterable[str], seed: int) -> dict[str, list[dict[str, float]]]:
    """The students' learning curves, of one training seed."""
    return {
        name: read_curve(folder / "models" / name / f"seed_{seed}" / "learning_curve.csv", STUDENT_COLUMNS)
        for name in policies
    }


def read_expert_curve(folder: Path) -> list[dict[str, float]]:
    """The expert's learning curve; empty where it has learned nothing."""
    return read_curve(folder / "models/expert/learning_curve.csv", EXPERT_COLUMNS)


def write_plots(folder: Path, recordings: dict[str, Recording], curves: dict[str, list[dict[str, float]]]) -> None:
    """Write learning_curves.csv, returns.csv and actions.csv to an existing folder.

    actions.csv has the first 20 episodes of each student with choices as actions: what it chose, what the expert would have.
    """
    write_csv(
        folder / "learning_curves.csv",
        ("policy", "step", "split", "loss"),
        (
            (name, int(row["step"]), {"train": "training", "validation": "held out"}[split], row[f"{split}_loss"])
            for name, curve in curves.items()
            for row in curve
            for split in ("train", "validation")
        ),
    )
    write_csv(
        folder / "returns.csv",
        ("policy", "seed", "return"),
        (
            (name, int(seed), float(total))
            for name, recording in recordings.items()
            for seed, total in zip(recording.episodes["seed"], recording.episodes["return"], strict=True)
        ),
    )
    write_csv(folder / "actions.csv", ("policy", "demonstrated", "chosen"), _choices(recordings, set(curves)))


def _choices(recordings: dict[str, Recording], students: set[str]) -> list[tuple[str, str, str]]:
    rows = []
    for name, recording in recordings.items():
        if name in students and recording.spec.discrete_actions:
            end = recording.offsets[min(CONFUSION_EPISODES, len(recording.offsets) - 1)]
            pairs = zip(recording.steps["demonstrated_action"][:end], recording.steps["action"][:end], strict=True)
            labels = recording.spec.action_labels
            rows += [(name, labels[demonstrated], labels[chosen]) for demonstrated, chosen in pairs]
    return rows
