"""Demonstrations of any format that is known.

read_demonstrations(params, spec) -> episodes
"""

from collections.abc import Iterator
from pathlib import Path

from understudy.environments.make import check_environment
from understudy.episode import Episode
from understudy.errors import DataError, ParameterError
from understudy.params.demonstrations import DemonstrationParams
from understudy.rollouts.parquet import open_recording
from understudy.sources.d3rlpy import read_d3rlpy
from understudy.sources.flat import read_hdf5, read_npz
from understudy.sources.minari import read_minari
from understudy.sources.tables import read_lerobot, read_parquet
from understudy.spec import EnvironmentSpec

READERS = {
    "npz": read_npz,
    "hdf5": read_hdf5,
    "minari": read_minari,
    "d3rlpy": read_d3rlpy,
    "lerobot": read_lerobot,
}


def read_demonstrations(params: DemonstrationParams, spec: EnvironmentSpec) -> Iterator[Episode]:
    """The episodes one by one, as they are read.

    Args:
        params: where they lie, and how they are written.
        spec: of the environment that they are of.

    Raises:
        DataError: there are none, or something is wrong with them; the message names the file and the episode.
        ParameterError: a library is not installed, or params lack what the format needs.
    """
    if spec.num_agents > 1:
        raise ParameterError(
            f"environment.id: expected an environment of one agent to import for, got {spec.environment_id}"
        )
    path, count = Path(params.path).expanduser(), 0
    if params.format == "parquet":
        episodes = read_parquet(path, spec, params.columns)
    elif params.format == "recording":
        episodes = _read_recording(path, spec)
    else:
        episodes = READERS[params.format](path, spec)
    for count, episode in enumerate(episodes, start=1):  # noqa: B007 -- the last number counts
        yield episode
    if not count:
        raise DataError(f"{path}: expected at least one episode, got none")


def _read_recording(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    reader = open_recording(path)
    check_environment(path, reader.spec, spec)
    yield from reader.as_episodes()
