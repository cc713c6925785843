"""What agents did in logged runs, in words: for people, and to find where the same was done again.

Act                   -- at one decision
read_acts(logs, runs) -- the acts of each episode that `logs.episodes.read_episodes` makes of these runs, in its order
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from understudy.logs.observation import PLAIN
from understudy.logs.parquet import AgentLogs

Row = dict[str, Any]
COLUMNS = ["episode", "turn", "agent", "role", "kind", "decision", "tool", "arguments", "text"]


@dataclass(frozen=True)
class Act:
    """One decision.

    Attributes:
        run: place of its run among the imported ones.
        turn: in the log.
        kind: text, finish, thought or tool_call.
        tool: that was called, if any.
        heard: number of the last text before that was not the agent's own; None where there was none.
        content: number of the text that was said, or of the call's arguments.
        same: equal for two acts in which the same was said, or the same called with the same arguments, parallel calls included.
    """

    run: int
    turn: int
    kind: str
    tool: str | None
    heard: int | None
    content: int | None
    same: Hashable

    @property
    def name(self) -> str:
        """The tool, `reply`, `finish` or `think`."""
        return self.tool or PLAIN[self.kind]


def read_acts(logs: AgentLogs, runs: np.ndarray) -> list[list[Act]]:
    """A list an assistant that decides anything in a run; runs (N,) are places, ascending."""
    steps = logs.steps.select(COLUMNS)
    starts = np.searchsorted(steps["episode"].to_numpy(), np.arange(logs.episodes.num_rows + 1))
    found = []
    for run in runs.tolist():
        rows = steps.slice(starts[run], starts[run + 1] - starts[run]).to_pylist()
        for agent in sorted({row["agent"] for row in rows if _decides(row)}):
            found.append(list(_acts(rows, agent, run)))
    return found


def _decides(row: Row) -> bool:
    return bool(row["decision"]) and row["role"] == "assistant"


def _acts(rows: list[Row], agent: int, run: int) -> Iterator[Act]:
    heard = None
    for number, of_turn in groupby(rows, key=lambda row: row["turn"]):
        turn = list(of_turn)
        own = [row for row in turn if row["agent"] == agent and row["role"] == "assistant"]
        for row in own:
            if row["decision"]:
                same = tuple((each["kind"], each["tool"], each["arguments"], each["text"]) for each in own)
                content = row["arguments"] if row["kind"] == "tool_call" else row["text"]
                tool = row["tool"] if row["kind"] == "tool_call" else None
                yield Act(run, number, row["kind"], tool, heard, content, same)
        others = [row["text"] for row in turn if row not in own and row["text"] is not None]
        heard = others[-1] if others else heard
