"""Recordings on disk: writing them to the byte the same, reading them with every promise of the schema checked.

Recording                        -- the columns in memory
write_recording(folder, ...)     -- steps.parquet and episodes.parquet, from episodes as they come
open_recording(folder)           -- RecordingReader: the episodes, and their steps piece by piece in bounded memory
read_recording(folder)           -- Recording: all pieces at once

What is wrong with a file is a DataError that names file, column and row.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from understudy.episode import Episode
from understudy.errors import DataError
from understudy.rollouts.check import check_episodes, check_returns, check_steps
from understudy.rollouts.schema import METADATA_KEY, SCHEMA_VERSION, episodes_schema, metadata, steps_schema
from understudy.rollouts.table import Columns, as_table, check_schema, joined, new_file, open_file, read_columns
from understudy.spec import EnvironmentSpec

ROW_GROUP_ROWS = 2**20  # a row group of steps.parquet ends with the episode that reaches them


@dataclass(frozen=True)
class Recording:
    """E episodes with N rows in all, one a step and agent; S observation components, A action dimensions.

    `steps` holds the columns of steps.parquet as arrays: observation (N, S), action (N,) or (N, A), the others (N,).
    `episodes` those of episodes.parquet: final_observation (E, S times the agents), the others (E,). `offsets` (E + 1,) int64:
    the rows of episode e are offsets[e]:offsets[e + 1]. `players` are the names of those who acted, where there were several;
    the column `player` then says whose episode each is.
    """

    spec: EnvironmentSpec
    demonstrator: str
    steps: Columns
    episodes: Columns
    players: tuple[str, ...] = ()

    @property
    def offsets(self) -> np.ndarray:
        return _row_offsets(self.spec, self.episodes["length"])

    def as_episodes(self) -> Iterator[Episode]:
        """The episodes one by one, as they were written, each with arrays of its own: who keeps one keeps no other."""
        episodes, offsets, agents = self.episodes, self.offsets, self.spec.num_agents
        steps = {name: _by_agent(values, agents) for name, values in self.steps.items()}
        finals = episodes["final_observation"].reshape(-1, self.spec.state_dim)
        finals, offsets = _by_agent(finals, agents), offsets // agents
        for index, (first, end) in enumerate(itertools.pairwise(offsets)):
            yield Episode(
                seed=int(episodes["seed"][index]),
                observations=steps["observation"][first:end].copy(),
                actions=steps["action"][first:end].copy(),
                demonstrated_actions=steps["demonstrated_action"][first:end].copy(),
                rewards=steps["reward"][first:end].copy(),
                options=steps["option"][first:end].copy(),
                final_observation=finals[index].copy(),
                terminated=bool(episodes["terminated"][index]),
                truncated=bool(episodes["truncated"][index]),
                player=int(episodes["player"][index]) if self.players else 0,
            )


@dataclass(frozen=True)
class RecordingReader:
    """An opened recording of which the episodes are read and checked; `episodes` and `offsets` as in Recording."""

    folder: Path
    spec: EnvironmentSpec
    demonstrator: str
    episodes: Columns
    offsets: np.ndarray
    steps_file: pq.ParquetFile
    players: tuple[str, ...] = ()

    def pieces(self) -> Iterator[Recording]:
        """Read and check the steps, some whole episodes at a time; memory is that of a piece and of the longest episode.

        Raises:
            DataError: as `read_recording`, at the piece in which something is wrong.
        """
        path, total = self.folder / "steps.parquet", int(self.offsets[-1])
        waiting, rows, done = [], 0, 0  # columns of episodes that have not ended; rows read; episodes handed out
        if self.steps_file.metadata.num_rows != total:
            raise _other_rows(path, total, self.steps_file.metadata.num_rows)
        for columns in read_columns(path, self.steps_file):
            read = rows + len(columns["step"])
            if read > total:
                raise _other_rows(path, total, read)
            check_steps(path, self.spec, columns, rows, self.offsets)
            waiting.append(columns)
            rows = read
            ended = int(np.searchsorted(self.offsets, rows, side="right")) - 1
            if ended > done:
                steps, cut = joined(waiting), int(self.offsets[ended] - self.offsets[done])
                yield self._piece({name: values[:cut] for name, values in steps.items()}, slice(done, ended))
                waiting, done = [{name: values[cut:] for name, values in steps.items()}], ended
        if rows != total:
            raise _other_rows(path, total, rows)

    def as_episodes(self) -> Iterator[Episode]:
        """The episodes one by one, in the memory of a piece."""
        for piece in self.pieces():
            yield from piece.as_episodes()

    def _piece(self, steps: Columns, which: slice) -> Recording:
        episodes = {name: values[which] for name, values in self.episodes.items()}
        check_returns(self.folder / "episodes.parquet", self.spec, steps["reward"], episodes)
        return Recording(self.spec, self.demonstrator, steps, episodes, self.players)


def write_recording(
    folder: Path, spec: EnvironmentSpec, demonstrator: str, episodes: Iterable[Episode], players: Sequence[str] = ()
) -> None:
    """Write `episodes`, numbered 0, 1, ... in the given order, to an existing folder.

    They are taken one by one, and a row group of steps is all of them that is held in memory. Where there are `players`, each
    episode says which of them acted.
    """
    about = metadata(spec, demonstrator, players)
    step_columns = steps_schema(spec).with_metadata(about)
    episode_columns = episodes_schema(spec, bool(players)).with_metadata(about)
    summaries = []
    with new_file(folder / "steps.parquet", step_columns) as file:
        for first, group in _groups(episodes):
            _write_row_group(file, as_table(_of_steps(group, first, spec.num_agents), step_columns))
            summaries.append(as_table(_of_episodes(group, first), episode_columns))
    with new_file(folder / "episodes.parquet", episode_columns) as file:
        file.write_table(pa.concat_tables(summaries).combine_chunks())


def open_recording(folder: Path) -> RecordingReader:
    """Read and check what is known of a recording's episodes.

    Raises:
        DataError: a file is missing, truncated, of another schema, or the episodes break a promise of the schema.
    """
    steps_file, episodes_file = folder / "steps.parquet", folder / "episodes.parquet"
    steps, episodes = open_file(steps_file), open_file(episodes_file)
    spec, demonstrator, players = _parse_metadata(steps_file, steps.schema_arrow)
    if _parse_metadata(episodes_file, episodes.schema_arrow) != (spec, demonstrator, players):
        raise DataError(f"{episodes_file}: expected the metadata of steps.parquet beside it, got another recording's")
    check_schema(steps_file, steps.schema_arrow, steps_schema(spec))
    check_schema(episodes_file, episodes.schema_arrow, episodes_schema(spec, bool(players)))
    parts = list(read_columns(episodes_file, episodes))
    if not parts:
        raise DataError(f"{episodes_file}: expected at least one episode, got none")
    columns = joined(parts)
    check_episodes(episodes_file, columns, len(players))
    return RecordingReader(folder, spec, demonstrator, columns, _row_offsets(spec, columns["length"]), steps, players)


def read_recording(folder: Path) -> Recording:
    """Read and check a recording.

    Raises:
        DataError: a file is missing, truncated, of another schema, or breaks a promise of the schema; the message names
            file, column and row.
    """
    reader = open_recording(folder)
    steps = joined([piece.steps for piece in reader.pieces()])
    return Recording(reader.spec, reader.demonstrator, steps, reader.episodes, reader.players)


def _write_row_group(file: pq.ParquetWriter, rows: pa.Table) -> None:
    file.write_table(rows, row_group_size=len(rows))


def _groups(episodes: Iterable[Episode]) -> Iterator[tuple[int, list[Episode]]]:
    """The number of the first episode of each row group, and its episodes, which the next group takes the place of."""
    group, first, rows = [], 0, 0
    for episode in episodes:
        group.append(episode)
        rows += episode.rewards.size
        if rows >= ROW_GROUP_ROWS:
            yield first, group
            first, rows = first + len(group), 0
            group.clear()
    if group:
        yield first, group


def _of_steps(episodes: list[Episode], first: int, agents: int) -> Columns:
    lengths = np.asarray([episode.length for episode in episodes])
    together = {
        "observation": np.concatenate([episode.observations for episode in episodes]),
        "action": np.concatenate([episode.actions for episode in episodes]),
        "demonstrated_action": np.concatenate([episode.demonstrated_actions for episode in episodes]),
        "reward": np.concatenate([episode.rewards for episode in episodes]),
        "option": np.concatenate([episode.options for episode in episodes]),
    }
    return {
        "episode": first + np.repeat(np.arange(len(episodes)), agents * lengths),
        "step": np.repeat(np.concatenate([np.arange(length) for length in lengths]), agents),
        "agent": np.tile(np.arange(agents), lengths.sum()),
        **{name: values.reshape(-1, *values.shape[1 + (agents > 1) :]) for name, values in together.items()},
    }


def _by_agent(values: np.ndarray, agents: int) -> np.ndarray:
    """Rows (N, ...) with an axis of agents behind that of steps where there are several."""
    return values if agents == 1 else values.reshape(-1, agents, *values.shape[1:])


def _row_offsets(spec: EnvironmentSpec, lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], spec.num_agents * np.cumsum(lengths, dtype=np.int64)])


def _of_episodes(episodes: list[Episode], first: int) -> Columns:
    return {
        "episode": first + np.arange(len(episodes)),
        "seed": np.asarray([episode.seed for episode in episodes]),
        "length": np.asarray([episode.length for episode in episodes]),
        "return": np.asarray([episode.total_return for episode in episodes]),
        "terminated": np.asarray([episode.terminated for episode in episodes]),
        "truncated": np.asarray([episode.truncated for episode in episodes]),
        "final_observation": np.stack([episode.final_observation.reshape(-1) for episode in episodes]),
        "player": np.asarray([episode.player for episode in episodes]),
    }


def _other_rows(path: Path, expected: int, got: int) -> DataError:
    return DataError(f"{path}: expected {expected} rows, the sum of the episodes' lengths times the agents, got {got}")


def _parse_metadata(path: Path, schema: pa.Schema) -> tuple[EnvironmentSpec, str, tuple[str, ...]]:
    content = (schema.metadata or {}).get(METADATA_KEY)
    if content is None:
        raise DataError(f"{path}: expected a recording's metadata under {METADATA_KEY.decode()!r}, got none")
    try:
        about = json.loads(content)
        if about["schema_version"] != SCHEMA_VERSION:
            raise DataError(f"{path}: expected schema version {SCHEMA_VERSION}, got {about['schema_version']}")
        players = tuple(str(name) for name in about.get("players", ()))
        return EnvironmentSpec.from_json(about["environment"]), about["demonstrator"], players
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path}: expected metadata of schema version {SCHEMA_VERSION}, got it malformed: {error}"
        ) from None
