"""A hash of each policy's weights after three steps of training, to compare processors; needs the data of `make repro`.

python -m tests.contracts.training_bytes
qemu-x86_64 -cpu EPYC-Rome .venv/bin/python -m tests.contracts.training_bytes
"""

import hashlib
import os
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS, BATCH_SIZE = 3, 8


def main() -> None:
    os.environ.update(runpy.run_path(str(ROOT / "pipeline/run.py"))["PINS"])  # before anything numerical is loaded
    import torch

    from understudy.models.registry import load_family
    from understudy.options.labels import with_labels
    from understudy.params.whole import load_params
    from understudy.policies.build import build_model
    from understudy.sequences.columns import LABEL_COLUMNS
    from understudy.sequences.dataset import SequenceDataset
    from understudy.sequences.store import open_sequences
    from understudy.training.run import TrainingRun

    params, data = load_params(ROOT / "params.yaml"), ROOT / "data/processed"
    torch.set_num_threads(params.training.threads)
    for name, policy in params.policies.items():
        sequences = open_sequences(data / "sequences", "train")
        if not load_family(policy.family).reads.isdisjoint(LABEL_COLUMNS):
            sequences = with_labels(sequences, data / "options", "train")
        torch.manual_seed(0)
        model = build_model(policy.family, policy.model, sequences.interface, name)
        dataset = SequenceDataset(sequences, params.training.chunk_length, BATCH_SIZE, model.reads)
        run = TrainingRun(model, dataset, params.training, 0)
        for _ in range(STEPS):
            run.train_step()
        weights = b"".join(weight.numpy().tobytes() for weight in model.state_dict().values())
        print(name, hashlib.sha256(weights).hexdigest()[:12], flush=True)


if __name__ == "__main__":
    main()
