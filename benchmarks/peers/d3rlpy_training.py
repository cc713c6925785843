"""d3rlpy's DiscreteDecisionTransformer by its own `fit`: demonstrated steps learned from a second, loader included.

Padding does not count; dropout is off, as ours is for this measurement.
"""

import argparse
import json
import time
from pathlib import Path

import d3rlpy
import numpy as np
import torch
from d3rlpy.dataset import MDPDataset
from d3rlpy.logging import NoopAdapterFactory
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers.demonstrations import Demonstrations, read

WARM_UP = 5


def as_dataset(demonstrations: Demonstrations) -> MDPDataset:
    ends = np.cumsum(demonstrations.lengths) - 1
    terminals, timeouts = np.zeros((2, len(demonstrations.actions)), dtype=np.float32)
    terminals[ends], timeouts[ends] = demonstrations.terminated, ~demonstrations.terminated
    return MDPDataset(
        observations=demonstrations.observations,
        actions=demonstrations.actions[:, None],
        rewards=demonstrations.rewards[:, None],
        terminals=terminals,
        timeouts=timeouts,
        action_space=d3rlpy.ActionSpace.DISCRETE,
    )


def make_algorithm(rows: int, length: int, scaler=None) -> d3rlpy.algos.DiscreteDecisionTransformer:
    """Three layers, 128 wide, four heads, feed-forward layers of 512, as our decoder."""
    encoder = d3rlpy.models.encoders.VectorEncoderFactory(hidden_units=[128], exclude_last_activation=True)
    config = d3rlpy.algos.DiscreteDecisionTransformerConfig(
        batch_size=rows,
        context_size=length,
        max_timestep=1000,
        num_layers=3,
        num_heads=4,
        encoder_factory=encoder,
        observation_scaler=scaler,
        attn_dropout=0.0,
        resid_dropout=0.0,
        embed_dropout=0.0,
    )
    return config.create(device="cpu:0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--length", type=int, required=True)
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=Path, required=True, help="file of those of the episodes to learn from")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dataset = as_dataset(read(given.raw, given.seeds))
    algorithm = make_algorithm(given.rows, given.length, d3rlpy.preprocessing.StandardObservationScaler())
    times = []
    steps = WARM_UP + given.batches
    algorithm.fit(
        dataset,
        n_steps=steps,
        n_steps_per_epoch=steps,
        logger_adapter=NoopAdapterFactory(),
        show_progress=False,
        callback=lambda *_: times.append(time.perf_counter()),
    )
    seconds = (times[-1] - times[WARM_UP - 1]) / given.batches
    begun = time.perf_counter()
    batches = [dataset.sample_trajectory_batch(given.rows, given.length) for _ in range(given.batches)]
    loading = (time.perf_counter() - begun) / given.batches
    with FlopCounterMode(display=False) as counter:
        algorithm.update(batches[0])
    counted = float(np.mean([batch.masks.sum() for batch in batches]))
    figures = {
        "steps_per_second": counted / seconds,
        "positions_per_second": given.rows * given.length / seconds,
        "loader_share": loading / seconds,
        "loader_steps_per_second": counted / loading,
        "flops_per_step": counter.get_total_flops() / counted,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
