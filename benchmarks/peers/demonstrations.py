"""Our demonstrations as the peers take them, read from the Parquet with pyarrow alone.

Demonstrations         -- flat arrays of all steps
read(raw, seeds_file)  -- the episodes of a recording whose seeds the file lists: those that our students learn from
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Demonstrations:
    """N steps of E episodes: observations (N, 8) float32, actions (N,) int64, rewards (N,) float32, lengths (E,) int64."""

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    lengths: np.ndarray
    terminated: np.ndarray


def read(raw: Path, seeds_file: Path) -> Demonstrations:
    steps = pq.read_table(raw / "steps.parquet", columns=["observation", "action", "reward"])
    episodes = pq.read_table(raw / "episodes.parquet", columns=["seed", "length", "terminated"]).to_pydict()
    chosen = np.isin(episodes["seed"], json.loads(seeds_file.read_text()))
    lengths = np.asarray(episodes["length"], dtype=np.int64)
    of_chosen = np.repeat(chosen, lengths)
    observations = steps["observation"].combine_chunks().flatten().to_numpy().reshape(len(of_chosen), -1)
    return Demonstrations(
        observations=observations[of_chosen],
        actions=steps["action"].to_numpy()[of_chosen],
        rewards=steps["reward"].to_numpy()[of_chosen],
        lengths=lengths[chosen],
        terminated=np.asarray(episodes["terminated"])[chosen],
    )
