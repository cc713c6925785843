"""Stage build_sequences: recordings become state-action sequences. Writes data/processed/sequences."""

from pathlib import Path

from understudy.params.sequences import SequenceParams
from understudy.rollouts.parquet import open_recording
from understudy.sequences.build import write_sequences
from understudy.sequences.splits import split_episodes
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

SOURCE = Path("data/raw")


def work(sequences: SequenceParams) -> None:
    recording = open_recording(SOURCE)
    training, held_out = split_episodes(
        len(recording.episodes["seed"]), sequences.validation_fraction, sequences.demonstrations, sequences.seed
    )
    with replace_folder(Path("data/processed/sequences")) as folder:
        write_sequences(folder, recording, tuple(sequences.hide), {"train": training, "validation": held_out})
    visible = ", ".join(name for name in recording.spec.components if name not in sequences.hide)
    print(f"{len(training)} episodes to learn from, {len(held_out)} held out; students see {visible}")


if __name__ == "__main__":
    run_stage(work, __doc__)
