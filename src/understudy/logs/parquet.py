"""Imported logs on disk: written run by run in bounded memory, to the byte the same; read with their schema checked.

LogWriter(folder)       -- `write(run, digest, source, place)`, within a `with`
AgentLogs               -- the four tables in memory
read_logs(folder)       -- AgentLogs
is_folder_of_logs(path) -- whether it holds imported logs and nothing else
"""

import hashlib
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from understudy.errors import DataError
from understudy.logs.access import to_json
from understudy.logs.run import Part, Run
from understudy.logs.schema import FILES, METADATA_KEY
from understudy.rollouts.table import check_schema, open_file

ROWS_AT_ONCE, BYTES_AT_ONCE = 2**16, 2**24  # a row group ends with the row that reaches one of them


class LogWriter:
    """Writes runs to an existing folder.

    Rows wait in memory until a row group is full. Of each text that has been written a hash of 16 bytes is held, so memory grows
    with the number of different texts, and not with their lengths.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.episodes = 0
        self._numbers: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._tables = {name: opened.enter_context(_Table(self.folder / name)) for name in FILES}
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def write(self, run: Run, digest: str, source: str, place: str) -> None:
        """Write a run as the next episode."""
        agents = _agents(run)
        decided = [part for part in run.parts if part.decision and part.role == "assistant"]
        self._tables["episodes.parquet"].add(
            episode=self.episodes,
            run=run.name or digest[:16],
            task=run.task,
            group=run.group,
            domain=run.domain,
            agent=run.agent,
            outcome=run.outcome,
            ended=run.ended,
            format=run.format,
            source=source,
            place=place,
            num_steps=len(run.parts),
            num_decisions=len(decided),
            metadata=to_json(run.metadata),
        )
        for number, (agent, parts) in enumerate(agents.items()):
            self._write_agent(number, agent, parts)
        numbers = _numbers(agents)
        for step, part in enumerate(run.parts):
            self._write_step(step, part, numbers.get((part.role, part.actor)))
        self.episodes += 1

    def _write_agent(self, number: int, agent: "Agent", parts: list[Part]) -> None:
        self._tables["agents.parquet"].add(
            episode=self.episodes,
            agent=number,
            name=agent[1],
            role=agent[0],
            num_decisions=sum(part.decision for part in parts),
            num_tool_calls=sum(part.kind == "tool_call" for part in parts),
        )

    def _write_step(self, step: int, part: Part, agent: int | None) -> None:
        self._tables["steps.parquet"].add(
            episode=self.episodes,
            step=step,
            turn=part.turn,
            agent=agent,
            role=part.role,
            kind=part.kind,
            decision=part.decision,
            tool=part.tool,
            arguments=self._text(part.arguments),
            text=self._text(part.text),
            answers=part.answers,
            error=part.error,
            reward=part.reward,
        )

    def _text(self, content: str | None) -> int | None:
        if content is None:
            return None
        known = len(self._numbers)
        number = self._numbers.setdefault(hashlib.sha256(content.encode()).digest()[:16], known)
        if number == known:
            self._tables["texts.parquet"].add(len(content), text=number, content=content)
        return number


Agent = tuple[str, str]  # role and name
Agents = dict[Agent, list[Part]]


def _agents(run: Run) -> Agents:
    """What each agent did; assistants first, each in the order in which they first act."""
    agents: Agents = defaultdict(list)
    for part in run.parts:
        if part.role != "tool" and part.actor is not None:
            agents[part.role, part.actor].append(part)
    return dict(sorted(agents.items(), key=lambda item: item[0][0] != "assistant"))


def _numbers(agents: Agents) -> dict[tuple[str, str | None], int]:
    """The number of each agent, by role and name; a tool's result has that of the agent with its caller's name."""
    numbers: dict[tuple[str, str | None], int] = {}
    for number, (role, name) in enumerate(agents):
        numbers[role, name] = number
        numbers.setdefault(("tool", name), number)
    return numbers


class _Table:
    """A Parquet file that is written row by row."""

    def __init__(self, path: Path) -> None:
        self.schema = FILES[path.name]
        # Texts are there once and may be long: a dictionary of them, or the least and the greatest, would be copies for nothing.
        plain = [name for name in self.schema.names if name != "content"]
        self.file = pq.ParquetWriter(
            path,
            self.schema,
            compression="zstd",
            write_page_checksum=True,
            use_dictionary=plain,
            write_statistics=plain,
        )
        self.columns: dict[str, list[Any]] = {name: [] for name in self.schema.names}
        self.rows = self.waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            self._flush()
        self.file.close()

    def add(self, num_bytes: int = 0, /, **row: Any) -> None:
        for name, value in row.items():
            self.columns[name].append(value)
        self.rows += 1
        self.waiting += num_bytes
        if self.rows >= ROWS_AT_ONCE or self.waiting >= BYTES_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            arrays = [pa.array(self.columns[field.name], field.type) for field in self.schema]
            for values in self.columns.values():
                values.clear()
            self.file.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self.rows = self.waiting = 0


@dataclass(frozen=True)
class AgentLogs:
    """The tables of imported logs, with the columns of logs/schema.py; row n of `texts` is the text of number n."""

    episodes: pa.Table
    agents: pa.Table
    steps: pa.Table
    texts: pa.Table


def read_logs(folder: Path) -> AgentLogs:
    """Read imported logs.

    Raises:
        DataError: a file is missing, damaged, or of another schema.
    """
    tables = []
    for name, schema in FILES.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path}: expected imported logs, found no such file; `understudy import logs` writes them")
        file = open_file(path)
        about = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
        expected = schema.metadata[METADATA_KEY]
        if about != expected:
            raise DataError(
                f"{path}: expected imported logs of {expected.decode()}, got {str(about)[:60]}; import them again"
            )
        check_schema(path, file.schema_arrow, schema)
        try:
            tables.append(file.read(use_threads=False))
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: expected a whole Parquet file, got one that cannot be read: {reason}") from None
    return AgentLogs(*tables)


def is_folder_of_logs(path: Path) -> bool:
    """Whether it is a folder of imported logs that holds nothing else, or an empty one."""
    if not path.is_dir():
        return False
    if (names := {each.name for each in path.iterdir()}) != set(FILES):
        return not names
    try:
        return METADATA_KEY in (open_file(path / "steps.parquet").schema_arrow.metadata or {})
    except DataError:
        return False
