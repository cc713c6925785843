"""Games that were played to judge somebody, as a Parquet file that can be read by eye.

write_games(path, task, played) -- seed, group, return and text of each game
read_games(path)                -- JudgedGames

E games.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from understudy.rollouts.table import as_table, check_schema, joined, new_file, open_file, read_columns
from understudy.tasks.make import groups_of_games
from understudy.tasks.play import Games
from understudy.tasks.task import TextTask
from understudy.tasks.text import decode

SCHEMA = pa.schema(
    [
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("group", pa.int64(), nullable=False),
        pa.field("return", pa.float64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class JudgedGames:
    """What is known of games.

    Attributes:
        seeds: (E,) int64.
        groups: (E,) int64, games of one kind, as those with the same answer.
        returns: (E,) float64.
        texts: (E,) of the games.
    """

    seeds: np.ndarray
    groups: np.ndarray
    returns: np.ndarray
    texts: tuple[str, ...]


def write_games(path: Path, task: TextTask, played: Sequence[Games]) -> None:
    """Write games, block after block."""
    seeds = np.concatenate([games.seeds for games in played])
    texts = [decode(task.tokens, games.text(game)) for games in played for game in range(len(games.seeds))]
    columns = {
        "seed": seeds,
        "group": groups_of_games(task, seeds),
        "return": np.concatenate([games.returns for games in played]),
        "text": np.asarray(texts, object),
    }
    with new_file(path, SCHEMA) as file:
        file.write_table(as_table(columns, SCHEMA))


def read_games(path: Path) -> JudgedGames:
    """Read what `write_games` wrote.

    Raises:
        DataError: the file is missing, damaged, or has other columns.
    """
    with open_file(path) as file:
        check_schema(path, file.schema_arrow, SCHEMA)
        columns = joined(list(read_columns(path, file)))
    return JudgedGames(columns["seed"], columns["group"], columns["return"], tuple(columns["text"].tolist()))
