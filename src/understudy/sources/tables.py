"""Parquet: tables with named columns, one row a step, and LeRobot's folders of them.

read_parquet(path, spec, columns) -> episodes
read_lerobot(path, spec)          -> episodes

LeRobot's layout (versions 2 and 3): meta/info.json, and data/*/*.parquet with observation.state, action, episode_index,
frame_index, and next.reward, next.success where there are any. Pictures beside them are not read. An episode whose last step is
no success counts as cut off.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.episode import Episode
from understudy.errors import DataError, ParameterError
from understudy.params.demonstrations import Columns
from understudy.sources.episodes import make_episode
from understudy.spec import EnvironmentSpec

LEROBOT = Columns(episode="episode_index", observation="observation.state", action="action")


def read_parquet(path: Path, spec: EnvironmentSpec, columns: Columns | None) -> Iterator[Episode]:
    """Episodes of a file, or of a folder's files in the order of their names; an episode's rows follow one another.

    Raises:
        DataError: a file is missing or damaged, lacks a column, or holds other data than the environment has.
        ParameterError: `columns` is None.
    """
    if columns is None:
        raise ParameterError(
            "demonstrations.columns: expected the names of the columns of a table of one's own, got none"
        )
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: expected Parquet files in this folder, found none")
    for file in files:
        yield from _episodes(file, _read(file, columns), spec, columns)


def read_lerobot(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    """Episodes of a LeRobot dataset of vectors.

    Raises:
        DataError: as `read_parquet`, or the folder is no such dataset.
    """
    if not (path / "meta/info.json").is_file():
        raise DataError(f"{path}: expected a dataset of LeRobot with meta/info.json, found none")
    files = sorted((path / "data").rglob("*.parquet"))
    if not files:
        raise DataError(f"{path}/data: expected Parquet files, found none")
    for file in files:
        names = _names(file)
        optional = {"reward": "next.reward", "terminated": "next.success"}
        columns = LEROBOT.model_copy(update={key: name for key, name in optional.items() if name in names})
        yield from _episodes(file, _read(file, columns, order="frame_index"), spec, columns)


def _names(file: Path) -> list[str]:
    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: expected a whole Parquet file, got one that cannot be read: {error}") from None


def _read(file: Path, columns: Columns, order: str | None = None) -> dict[str, np.ndarray]:
    """The columns by what they hold, all rows."""
    if not file.is_file():
        raise DataError(f"{file}: expected a Parquet file, found none")
    wanted = {key: value for key, value in columns.model_dump().items() if value is not None}
    names = [name for value in wanted.values() for name in ([value] if isinstance(value, str) else value)]
    there = _names(file)
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(f"{file}: expected a column {missing[0]!r}, got {', '.join(there)}")
    try:
        table = pq.read_table(file, columns=[*names, *([order] if order in there else [])])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: expected a whole Parquet file, got one that cannot be read: {error}") from None
    if order in table.column_names:
        table = table.sort_by([(wanted["episode"], "ascending"), (order, "ascending")])
    return {key: _array(file, table, value) for key, value in wanted.items()}


def _array(file: Path, table: pa.Table, names: str | list[str]) -> np.ndarray:
    if isinstance(names, list):
        return np.stack([_array(file, table, name) for name in names], axis=1)
    column = table.column(names)
    if column.null_count:
        raise DataError(f"{file}: column {names}: expected a value in each row, got null")
    values: Any = column.to_numpy()
    try:
        return np.stack(values) if values.dtype == object and not isinstance(values[0], str) else values
    except (ValueError, IndexError):
        raise DataError(f"{file}: column {names}: expected lists of one length, got others") from None


def _episodes(file: Path, values: dict[str, np.ndarray], spec: EnvironmentSpec, columns: Columns) -> Iterator[Episode]:
    numbers = values["episode"]
    if not len(numbers):
        return
    firsts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
    if len(np.unique(numbers)) != len(firsts):
        raise DataError(
            f"{file}: column {columns.episode}: expected the rows of an episode beside each other, got them apart"
        )
    for first, end in zip(firsts, np.append(firsts[1:], len(numbers)), strict=True):
        flags = {key: bool(values[key][end - 1]) for key in ("terminated", "truncated") if key in values}
        terminated = flags.get("terminated", False)
        yield make_episode(
            spec,
            values["observation"][first:end],
            values["action"][first:end],
            values["reward"][first:end] if "reward" in values else None,
            terminated=terminated,
            truncated=flags.get("truncated", not terminated) or not terminated,
            where=f"{file}: episode {numbers[first]}",
        )
