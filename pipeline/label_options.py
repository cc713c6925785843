"""Stage label_options: find options in the sequences. Writes data/processed/options and metrics/options.json."""

from pathlib import Path

import numpy as np

from understudy.options.discovery import find_options
from understudy.options.labels import labelled, write_labels
from understudy.options.metrics import information_about_actions
from understudy.options.usage import describe_usage
from understudy.params.options import OptionParams
from understudy.sequences.store import SPLITS, open_sequences
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder
from understudy.utils.jsonfile import write_json
from understudy.utils.provenance import check_files

SEQUENCES = Path("data/processed/sequences")


def work(options: OptionParams) -> None:
    check_files(SEQUENCES / "store.json")
    splits = {split: open_sequences(SEQUENCES, split) for split in SPLITS}
    model = find_options(splits["train"], options)
    labels = {split: model.label(sequences) for split, sequences in splits.items()}
    with replace_folder(Path("data/processed/options")) as folder:
        write_labels(folder, splits["train"].sha256, options.count, labels)
    training, held_out = (labelled(splits[split], *labels[split], options.count) for split in SPLITS)
    starts = np.zeros(held_out.num_steps, dtype=bool)
    starts[held_out.offsets[:-1]] = True
    metrics = describe_usage(held_out.labels_of_steps["option"], starts, options.count)
    metrics["information"] = information_about_actions(training, held_out)
    write_json(Path("metrics/options.json"), metrics)
    unused = [str(option) for option, share in enumerate(metrics["usage"]) if share == 0]
    print(
        f"{options.count} options, held out: usage {' '.join(f'{share:.2f}' for share in metrics['usage'])},"
        f" held {metrics['median_dwell']:.0f} steps, {metrics['information']:.4f} nats about the action given the state"
        + (f"; never used: {', '.join(unused)}" if unused else "")
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
