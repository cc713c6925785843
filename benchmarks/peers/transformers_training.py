"""Hugging Face's DecisionTransformerModel on a numpy loader: demonstrated steps learned from a second, loader included.

Padding does not count; dropout is off, as ours is for this measurement.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from benchmarks.peers.demonstrations import Demonstrations, read

NUM_ACTIONS, RETURN_SCALE, WARM_UP = 4, 100.0, 5


class Loader:
    """Rows of `length` steps that begin anywhere in an episode, padded on the right where it ends before.

    States are normalised by the demonstrations' mean and deviation, returns-to-go divided by `return_scale`.
    """

    def __init__(self, demonstrations: Demonstrations, rows: int, length: int, return_scale: float, seed: int) -> None:
        self.rows, self.length, lengths = rows, length, demonstrations.lengths
        self.mean, self.deviation = demonstrations.observations.mean(0), demonstrations.observations.std(0)
        self.states = self.normalise(demonstrations.observations)
        self.actions = demonstrations.actions
        self.one_hot = np.eye(NUM_ACTIONS, dtype=np.float32)
        self.ends = np.repeat(np.cumsum(lengths), lengths)
        self.timesteps = np.arange(len(self.actions)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        totals = np.cumsum(demonstrations.rewards[::-1].astype(np.float64))[::-1]
        after = np.append(totals, 0.0)[self.ends]
        self.returns_to_go = ((totals - after) / return_scale).astype(np.float32)[:, None]
        self.generator = np.random.default_rng(seed)

    def normalise(self, observations: np.ndarray) -> np.ndarray:
        return (observations - self.mean) / self.deviation

    def batch(self) -> dict[str, Tensor]:
        first = self.generator.integers(len(self.actions), size=self.rows)
        steps = first[:, None] + np.arange(self.length)
        mask = steps < self.ends[first][:, None]
        steps = np.minimum(steps, self.ends[first][:, None] - 1)
        arrays = {
            "states": self.states[steps],
            "actions": self.one_hot[self.actions[steps]],
            "returns_to_go": self.returns_to_go[steps],
            "timesteps": self.timesteps[steps],
            "attention_mask": mask.astype(np.int64),
            "labels": self.actions[steps],
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def make_model() -> DecisionTransformerModel:
    """Three layers, 128 wide, four heads, feed-forward layers of 512, as our decoder."""
    config = DecisionTransformerConfig(
        state_dim=8,
        act_dim=NUM_ACTIONS,
        hidden_size=128,
        n_layer=3,
        n_head=4,
        max_ep_len=1024,
        action_tanh=False,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return DecisionTransformerModel(config).train()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--length", type=int, required=True)
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=Path, required=True, help="file of those of the episodes to learn from")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    loader, model = Loader(read(given.raw, given.seeds), given.rows, given.length, RETURN_SCALE, 0), make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def update(batch: dict[str, Tensor]) -> None:
        labels = batch.pop("labels")
        with torch.autocast("cpu", torch.bfloat16, enabled=given.precision == "bfloat16"):
            preds = model(**batch).action_preds
        counted = batch["attention_mask"].bool()
        loss = functional.cross_entropy(preds.float()[counted], labels[counted])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()

    for _ in range(WARM_UP):
        update(loader.batch())
    loading = counted = 0.0
    begun = time.perf_counter()
    for _ in range(given.batches):
        before = time.perf_counter()
        batch = loader.batch()
        loading += time.perf_counter() - before
        counted += float(batch["attention_mask"].sum())
        update(batch)
    seconds = time.perf_counter() - begun
    with FlopCounterMode(display=False) as counter:
        update(loader.batch())
    figures = {
        "steps_per_second": counted / seconds,
        "positions_per_second": given.batches * given.rows * given.length / seconds,
        "loader_share": loading / seconds,
        "loader_steps_per_second": counted / loading,
        "flops_per_step": counter.get_total_flops() * given.batches / counted,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
