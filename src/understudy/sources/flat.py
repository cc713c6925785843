"""Arrays of all steps one after the other, in D4RL's layout: .npz files, or HDF5.

read_npz(path, spec), read_hdf5(path, spec) -> episodes

    observations (N, S)   actions (N,) or (N, A)   rewards (N,)   terminals (N,) bool   timeouts (N,) bool, may be absent
    next_observations (N, S), may be absent; seeds (E,) one an episode, may be absent

An episode ends with a terminal or a timeout. Where steps follow the last of these, they are an episode that was cut off.
Layout: https://github.com/Farama-Foundation/D4RL#using-d4rl
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from understudy.episode import Episode
from understudy.errors import DataError
from understudy.sources.episodes import make_episode
from understudy.sources.optional import import_optional
from understudy.spec import EnvironmentSpec

NEEDED = ("observations", "actions", "rewards", "terminals")
OPTIONAL = ("timeouts", "next_observations", "seeds")


def read_npz(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    """Episodes of an .npz file, or of all of a folder in the order of their names.

    Raises:
        DataError: there is none, one is damaged, lacks an array, or holds other data than the environment has.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: expected .npz files in this folder, found none")
    for file in files:
        try:
            with np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in (*NEEDED, *OPTIONAL) if name in content.files}
        except FileNotFoundError:
            raise DataError(f"{file}: expected an .npz file, found none") from None
        except (OSError, ValueError, EOFError, KeyError, BadZipFile, TypeError) as error:
            problem = " ".join(str(error).split())
            raise DataError(
                f"{file}: expected a file of NumPy's savez, got one that cannot be read: {problem}"
            ) from None
        yield from split(arrays, spec, str(file))


def read_hdf5(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    """Episodes of an HDF5 file.

    Raises:
        DataError: as `read_npz`. ParameterError: h5py is not installed.
    """
    h5py = import_optional("h5py", "hdf5", "HDF5 files")
    if not path.is_file():
        raise DataError(f"{path}: expected an HDF5 file, found none")
    try:
        with h5py.File(path, "r") as content:
            arrays = {name: content[name][()] for name in (*NEEDED, *OPTIONAL) if name in content}
    except OSError as error:
        raise DataError(f"{path}: expected an HDF5 file, got one that cannot be read: {error}") from None
    yield from split(arrays, spec, str(path))


def split(arrays: Mapping[str, Any], spec: EnvironmentSpec, where: str) -> Iterator[Episode]:
    """Cut arrays of all steps into episodes."""
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise DataError(f"{where}: expected the arrays {', '.join(NEEDED)}, got none called {missing[0]}")
    lengths = {name: len(np.atleast_1d(array)) for name, array in arrays.items() if name != "seeds"}
    if len(set(lengths.values())) > 1 or not lengths["actions"]:
        raise DataError(f"{where}: expected arrays of one length, at least one step, got {lengths}")
    terminals = np.asarray(arrays["terminals"]).reshape(-1).astype(bool)
    timeouts = np.asarray(arrays.get("timeouts", np.zeros(len(terminals)))).reshape(-1).astype(bool)
    ends = np.flatnonzero(terminals | timeouts) + 1
    ends = ends if len(ends) and ends[-1] == len(terminals) else np.append(ends, len(terminals))
    seeds, following = arrays.get("seeds"), arrays.get("next_observations")
    if seeds is not None and len(seeds) != len(ends):
        raise DataError(f"{where}: seeds: expected one an episode, {len(ends)}, got {len(seeds)}")
    for number, (first, end) in enumerate(zip(np.append(0, ends[:-1]), ends, strict=True)):
        terminated = bool(terminals[end - 1])
        yield make_episode(
            spec,
            arrays["observations"][first:end],
            arrays["actions"][first:end],
            arrays["rewards"][first:end],
            terminated=terminated,
            truncated=bool(timeouts[end - 1]) or not terminated,
            final_observation=None if following is None else following[end - 1],
            seed=None if seeds is None or seeds[number] < 0 else int(seeds[number]),
            where=f"{where}: episode {number}",
        )
