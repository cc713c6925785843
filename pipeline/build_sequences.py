"""Stage build_sequences: recordings become state-action sequences. Writes data/processed/sequences."""

from pathlib import Path

from understudy.params.sequences import SequenceParams
from understudy.rollouts.parquet import open_recording
from understudy.sequences.build import write_sequences
from understudy.sequences.splits import read_groups, split_episodes, split_groups
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

SOURCE = Path("data/raw")
MOST_NAMES = 40  # that are printed


def work(sequences: SequenceParams) -> None:
    recording = open_recording(SOURCE)
    count = len(recording.episodes["seed"])
    how = (sequences.validation_fraction, sequences.demonstrations, sequences.seed)
    if sequences.split_by is None:
        training, held_out = split_episodes(count, *how)
    else:
        training, held_out = split_groups(read_groups(SOURCE, sequences.split_by, count), *how)
    with replace_folder(Path("data/processed/sequences")) as folder:
        write_sequences(folder, recording, tuple(sequences.hide), {"train": training, "validation": held_out})
    visible = [name for name in recording.spec.components if name not in sequences.hide]
    seen = ", ".join(visible) if len(visible) <= MOST_NAMES else f"{len(visible)} components"
    print(f"{len(training)} episodes to learn from, {len(held_out)} held out; students see {seen}")


if __name__ == "__main__":
    run_stage(work, __doc__)
