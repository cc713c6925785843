"""The held-out runs and the test, as recordings.

read_splits(raw, test, params) -- {"train": ..., "validation": ..., "test": (Recording, JudgedRuns)}
read_learned(raw)              -- JudgedRuns of all that is learned from
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.log_evaluation.runs import JudgedRuns, read_runs
from understudy.params.sequences import SequenceParams
from understudy.rollouts.parquet import Recording, read_recording
from understudy.sequences.splits import read_groups, split_groups
from understudy.utils.jsonfile import read_json


def read_splits(raw: Path, test: Path, params: SequenceParams) -> dict[str, tuple[Recording, JudgedRuns]]:
    """Recordings of training, held-out and test runs with what is known of them; divided as build_sequences divides `raw`.

    Noisy copies of training runs are left out: policies alone learn from them.

    Raises:
        DataError: a file is missing, or breaks a promise.
    """
    learned, tested = read_recording(raw), read_recording(test)
    learned_runs = read_runs(raw, learned)
    groups = read_groups(raw, params.split_by or "group", len(learned.episodes["length"]))
    training, held_out = split_groups(groups, params.validation_fraction, params.demonstrations, params.seed)
    copies = _copies(raw, len(groups))
    return {
        "train": _part(learned, learned_runs, training[copies[training] == 0]),
        "validation": _part(learned, learned_runs, held_out),
        "test": (tested, read_runs(test, tested)),
    }


def read_learned(raw: Path) -> JudgedRuns:
    """Training and held-out runs in the order of the recording `raw`, without noisy copies; errors as `read_splits`."""
    recording = read_recording(raw)
    runs = read_runs(raw, recording)
    return _part(recording, runs, np.flatnonzero(_copies(raw, len(runs.tasks)) == 0))[1]


def _copies(raw: Path, count: int) -> np.ndarray:
    """(E,) which copy each episode is, 0 for none."""
    return np.asarray(read_json(raw / "runs.json").get("copy", np.zeros(count)))


def _part(recording: Recording, runs: JudgedRuns, members: np.ndarray) -> tuple[Recording, JudgedRuns]:
    """The episodes `members` (K,), ascending."""
    lengths = np.diff(runs.offsets)
    steps = np.repeat(np.isin(np.arange(len(lengths)), members), lengths)
    part = replace(
        recording,
        steps={name: values[steps] for name, values in recording.steps.items()},
        episodes={name: values[members] for name, values in recording.episodes.items()},
    )
    offsets = np.concatenate([[0], np.cumsum(lengths[members])])
    known = replace(
        runs, labels=runs.labels[steps], offsets=offsets, tasks=runs.tasks[members], outcomes=runs.outcomes[members]
    )
    return part, known
