"""Our decoder in training, or another policy of a transformer: demonstrated steps learned from a second, loader included.

Only steps that the loss counts are counted: neither padding nor a chunk's first step, which is there to be seen by the others.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from understudy.params.whole import load_params
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import open_sequences
from understudy.training.run import TrainingRun

SEQUENCES, WARM_UP = Path("data/processed/sequences"), 5


class WatchedDataset:
    """A dataset that remembers how long its batches took and how many steps count in them."""

    def __init__(self, dataset: SequenceDataset) -> None:
        self.dataset = dataset
        self.forget()

    def forget(self) -> None:
        self.seconds = self.counted = self.batch_bytes = 0.0

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        batches = self.dataset.shuffled(seed, epoch)
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.seconds += time.perf_counter() - begun
            if batch is None:
                return
            self.counted += float(batch.mask.sum())
            tensors = (*batch.columns.values(), batch.seq_lens, batch.mask, batch.value_mask)
            self.batch_bytes += sum(tensor.nbytes for tensor in tensors)
            yield batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--length", type=int, required=True)
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--run", type=Path, default=Path(), help="folder of the pipeline's run")
    parser.add_argument("--policy", default="decoder")
    parser.add_argument(
        "--model", type=json.loads, default={}, help="arguments of its constructor that are others, as JSON"
    )
    given = parser.parse_args()
    params = load_params(given.run / "params.yaml")
    policy, sequences = params.policies.named(given.policy), open_sequences(given.run / SEQUENCES, "train")
    torch.set_num_threads(given.threads)
    config = dict(policy.model) | given.model
    if "action_dropout" in config:  # the peers' dropout is off as well
        config["action_dropout"] = 0.0
    model = build_model(policy.family, config, sequences.interface, f"policies.{given.policy}")
    dataset = WatchedDataset(SequenceDataset(sequences, given.length, given.rows, model.reads))
    training = params.training.model_copy(update={"precision": given.precision})
    run = TrainingRun(model, dataset, training, training.seeds[0])
    for _ in range(WARM_UP):
        run.train_step()
    dataset.forget()
    begun = time.perf_counter()
    for _ in range(given.batches):
        run.train_step()
    seconds = time.perf_counter() - begun
    counted, loading, size = dataset.counted, dataset.seconds, dataset.batch_bytes
    with FlopCounterMode(display=False) as counter:
        run.train_step()
    figures = {
        "steps_per_second": counted / seconds,
        "positions_per_second": given.batches * given.rows * given.length / seconds,
        "loader_share": loading / seconds,
        "loader_steps_per_second": counted / loading,
        "flops_per_step": counter.get_total_flops() * given.batches / counted,
        "bytes_per_step": 2 * size / counted,  # read and written
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
