"""What assistants replied in imported logs, and to what.

Replies                -- texts by number
replies_in(logs, runs) -- those of these runs

M replies.
"""

from dataclasses import dataclass

import numpy as np

from understudy.errors import DataError
from understudy.logs.observation import REPLIES
from understudy.logs.parquet import AgentLogs

NOTHING = -1  # number of the text where nothing was heard


@dataclass(frozen=True)
class Replies:
    """Replies of assistants in order, as a recording of replies has them.

    Attributes:
        said: (M,) int64, number of the reply's text.
        heard: (M,) int64, number of the last text before it that was not the agent's; NOTHING where there is none.
    """

    said: np.ndarray
    heard: np.ndarray


def replies_in(logs: AgentLogs, runs: np.ndarray) -> Replies:
    """Replies in runs of one assistant each (N,), in their order.

    Raises:
        DataError: in a run several assistants decide.
    """
    columns = logs.steps.select(["episode", "agent", "role", "kind", "decision", "text"])
    starts = np.searchsorted(columns["episode"].to_numpy(), np.arange(logs.episodes.num_rows + 1))
    found = []
    for run in runs.tolist():
        heard = NOTHING
        rows = columns.slice(starts[run], starts[run + 1] - starts[run]).to_pylist()
        if len({row["agent"] for row in rows if row["decision"] and row["role"] == "assistant"}) > 1:
            raise DataError(f"data/logs: run {run}: expected one assistant that replies, got several")
        for row in rows:
            own = row["role"] == "assistant"
            if own and row["decision"] and row["kind"] in REPLIES:
                found.append((row["text"], heard))
            elif not own and row["role"] != "system" and row["text"] is not None:
                heard = row["text"]
    return Replies(*np.asarray(found, np.int64).reshape(-1, 2).T)
