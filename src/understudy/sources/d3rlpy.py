"""d3rlpy's ReplayBuffer as `dump` writes it: HDF5 with an array for each episode and column.

read_d3rlpy(path, spec) -> episodes
write_d3rlpy(path, episodes, spec)

    columns, num_episodes, version; and for episode i observations_i (T, S), actions_i (T, A), rewards_i (T, 1), terminated_i
    Layout: d3rlpy/dataset/io.py, version 2.1

It keeps no observation after the last step, no seed, and one flag: what is not terminated was cut off.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from understudy.episode import Episode
from understudy.errors import DataError
from understudy.sources.episodes import make_episode
from understudy.sources.optional import import_optional
from understudy.spec import EnvironmentSpec

COLUMNS = ("observations", "actions", "rewards", "terminated")
VERSION = "2.1"


def read_d3rlpy(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    """Episodes of a dumped buffer.

    Raises:
        DataError: the file is missing, damaged, of another layout, or holds other data than the environment has.
        ParameterError: h5py is not installed.
    """
    h5py = import_optional("h5py", "hdf5", "files of d3rlpy")
    if not path.is_file():
        raise DataError(f"{path}: expected a ReplayBuffer that d3rlpy has dumped, found no such file")
    try:
        with h5py.File(path, "r") as file:
            for number in range(int(file["num_episodes"][()])):
                values = {name: file[f"{name}_{number}"][()] for name in COLUMNS}
                yield make_episode(
                    spec,
                    values["observations"],
                    values["actions"],
                    values["rewards"],
                    terminated=bool(values["terminated"]),
                    where=f"{path}: episode {number}",
                )
    except (OSError, KeyError) as error:
        problem = " ".join(str(error).split())
        raise DataError(
            f"{path}: expected a ReplayBuffer that d3rlpy has dumped, got another file: {problem}"
        ) from None


def write_d3rlpy(path: Path, episodes: Iterable[Episode], spec: EnvironmentSpec) -> int:
    """Write a buffer that `ReplayBuffer.load` reads; returns the number of episodes."""
    h5py = import_optional("h5py", "hdf5", "files of d3rlpy")
    count = 0
    with h5py.File(path, "w") as file:
        for count, episode in enumerate(episodes, start=1):
            rows = {
                "observations": episode.observations,
                "actions": episode.actions.reshape(episode.length, -1),
                "rewards": episode.rewards.reshape(-1, 1),
                "terminated": np.bool_(episode.terminated),
            }
            for name, values in rows.items():
                file.create_dataset(f"{name}_{count - 1}", data=values)
        file.create_dataset("columns", data=list(COLUMNS))
        file.create_dataset("num_episodes", data=count)
        file.create_dataset("version", data=VERSION)
    return count
