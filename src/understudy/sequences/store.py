"""Sequences on disk: a folder with a memory-mapped file a split, and store.json, which describes them.

open_sequences(folder, split) -> Sequences
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.environments.view import ObservationView
from understudy.errors import DataError
from understudy.sequences.normalise import Normalisation
from understudy.sequences.split_file import MappedSplit, map_split
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import read_versioned_json, sha256

FORMAT_VERSION = 2
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Sequences:
    """One split: E sequences of N steps in all, in a mapped file; S visible state components, A action entries.

    A sequence is what one agent did in an episode; those of an episode's agents are neighbours, in their order.
    offsets (E + 1,) int64; truncated (E,) bool; seeds (E,) int64; states, actions, labels and returns_to_go are views of the
    whole file. options (N,) int16 below num_options and terminations (N,) bool, where they have been found, else None.
    Batches come from `steps`, which reads chunks of the file and leaves the rest on disk, while what a view has shown stays in
    memory. `sha256` is that of store.json, which holds the hashes of everything the sequences are made of.
    """

    spec: EnvironmentSpec
    view: ObservationView
    normalisation: Normalisation
    steps: MappedSplit
    offsets: np.ndarray
    truncated: np.ndarray
    seeds: np.ndarray
    sha256: str
    options: np.ndarray | None = None
    terminations: np.ndarray | None = None
    num_options: int | None = None

    @property
    def states(self) -> np.ndarray:
        """(N, S) float32, unnormalised."""
        return self.steps.columns["state_action"][:, : len(self.view.visible)]

    @property
    def actions(self) -> np.ndarray:
        """(N,) or (N, A) float32, as executed."""
        return per_step(self.steps.columns["state_action"][:, len(self.view.visible) :], self.spec)

    @property
    def labels(self) -> np.ndarray:
        """(N,) or (N, A) float32, as demonstrated."""
        return per_step(self.steps.columns["label"], self.spec)

    @property
    def returns_to_go(self) -> np.ndarray:
        """(N,) float32, raw."""
        return self.steps.columns["return_to_go"][:, 0]

    @property
    def num_episodes(self) -> int:
        return (len(self.offsets) - 1) // self.spec.num_agents

    @property
    def num_steps(self) -> int:
        return int(self.offsets[-1])


def open_sequences(folder: Path, split: str) -> Sequences:
    """Map one split; takes the same time and memory for any number of episodes and steps.

    Raises:
        DataError: a file is missing, truncated, of another format, or holds another layout than store.json says.
    """
    description = folder / "store.json"
    content = read_versioned_json(description, FORMAT_VERSION)
    try:
        spec = EnvironmentSpec.from_json(content["environment"])
        view = ObservationView(spec.components, tuple(content["hidden_components"]))
        normalisation = Normalisation.from_json(content["normalisation"], len(view.visible))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{description}: expected a description of sequences, got a malformed one: {error!r}") from None
    steps = map_split(folder / f"{split}.arrow", spec, len(view.visible))
    if (len(steps.offsets) - 1) % spec.num_agents:
        raise DataError(
            f"{steps.path}: expected sequences of {spec.num_agents} agents an episode, got {len(steps.offsets) - 1} in all"
        )
    ends = steps.offsets, steps.truncated, steps.seeds
    return Sequences(spec, view, normalisation, steps, *ends, sha256(description))


def per_step(actions: np.ndarray, spec: EnvironmentSpec) -> np.ndarray:
    """Actions (..., A) as they are, or (...) where they are choices."""
    return actions[..., 0] if spec.discrete_actions else actions
