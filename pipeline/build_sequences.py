"""Stage build_sequences: recordings become state-action sequences. Writes data/processed/sequences."""

from pathlib import Path

from understudy.environments.view import ObservationView
from understudy.params import Params
from understudy.rollouts.parquet import open_recording
from understudy.sequences.build import write_sequences
from understudy.sequences.splits import split_episodes
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

SOURCE = Path("data/raw")


def work(params: Params) -> None:
    sequences = params.sequences
    recording = open_recording(SOURCE)
    view = ObservationView(recording.spec.components, tuple(sequences.hide))
    training, held_out = split_episodes(
        len(recording.episodes["seed"]), sequences.validation_fraction, sequences.demonstrations, sequences.seed
    )
    with replace_folder(Path("data/processed/sequences")) as folder:
        write_sequences(folder, recording, view, {"train": training, "validation": held_out})
    print(f"{len(training)} episodes to learn from, {len(held_out)} held out; students see {', '.join(view.visible)}")


if __name__ == "__main__":
    run_stage(work, __doc__)
