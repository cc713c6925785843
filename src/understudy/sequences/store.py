"""Sequences on disk: a folder with a memory-mapped file a split, and store.json, which describes them.

open_sequences(folder, split) -> Sequences
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from understudy.errors import DataError
from understudy.interface import Interface, Task
from understudy.sequences.columns import BATCH_COLUMNS, LABEL_COLUMNS
from understudy.sequences.split_file import map_split
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import read_versioned_json, sha256

FORMAT_VERSION = 5  # 4: with sizes of differences of the first order alone
SPLITS = ("train", "validation")


class Steps(Protocol):
    """Where sequences lie: a mapped file (MappedSplit), or memory (GrowingSplit)."""

    offsets: np.ndarray
    episodes: dict[str, np.ndarray]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """(N, numbers) by name, as views."""

    def read(self, name: str, first: np.ndarray, length: np.ndarray, chunk_length: int) -> np.ndarray:
        """B chunks of a column (B, T, numbers), each from its first step on, padded by its last."""


@dataclass(frozen=True)
class Sequences:
    """One split: E sequences of N steps in all, in a mapped file or in memory.

    A sequence is what one agent did in an episode; those of an episode's agents are neighbours, in their order.
    Batches come from `steps`, which reads chunks of the file and leaves the rest on disk, while what a view has shown stays in
    memory.

    Attributes:
        interface: what a model is told of it.
        steps: the file, or what is in its place.
        sha256: of store.json, which holds the hashes of everything that the sequences are made of.
        labels_of_steps: (N,) by name, columns that were found in the sequences: option int16 and termination bool.
    """

    interface: Interface
    steps: Steps
    sha256: str
    labels_of_steps: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """The task that was demonstrated."""
        return self.interface.task

    @property
    def spec(self) -> EnvironmentSpec:
        """The environment."""
        return self.task.environment

    @property
    def offsets(self) -> np.ndarray:
        """(E + 1,) int64, the first step of each sequence."""
        return self.steps.offsets

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns that a batch may have."""
        return frozenset(BATCH_COLUMNS) - frozenset(LABEL_COLUMNS) | self.labels_of_steps.keys()

    @property
    def states(self) -> np.ndarray:
        """(N, S) float32, raw."""
        return self.steps.columns["observation"]

    @property
    def actions(self) -> np.ndarray:
        """(N,) int64 or (N, A) float32, raw, as executed."""
        return per_step(self.steps.columns["action"], self.spec)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64 or (N, A) float32, raw, as demonstrated."""
        return per_step(self.steps.columns["label"], self.spec)

    @property
    def rewards(self) -> np.ndarray:
        """(N,) float32, raw."""
        return self.steps.columns["reward"][:, 0]

    @property
    def returns_to_go(self) -> np.ndarray:
        """(N,) float32, raw."""
        return self.steps.columns["return_to_go"][:, 0]

    @property
    def num_episodes(self) -> int:
        """Episodes, of all agents together."""
        return (len(self.offsets) - 1) // self.spec.num_agents

    @property
    def num_sequences(self) -> int:
        """E."""
        return len(self.offsets) - 1

    @property
    def num_steps(self) -> int:
        """N, an agent's step counted as one."""
        return int(self.offsets[-1])


def open_sequences(folder: Path, split: str) -> Sequences:
    """Map one split; takes the same time and memory for any number of episodes and steps.

    Raises:
        DataError: a file is missing, truncated, of another format, or holds another layout than store.json says.
    """
    description = folder / "store.json"
    content = read_versioned_json(description, FORMAT_VERSION)
    try:
        interface = Interface.from_json(content["interface"])
        task = interface.task
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{description}: expected a description of sequences, got a malformed one: {error!r}") from None
    steps = map_split(folder / f"{split}.arrow", task)
    if (len(steps.offsets) - 1) % task.num_agents:
        raise DataError(
            f"{steps.path}: expected sequences of {task.num_agents} agents an episode, got {len(steps.offsets) - 1} in all"
        )
    return Sequences(interface, steps, sha256(description))


def per_step(actions: np.ndarray, spec: EnvironmentSpec) -> np.ndarray:
    """Actions (..., A) as they are, or (...) where they are choices."""
    return actions[..., 0] if spec.discrete_actions else actions
