"""The columns of imported logs, and what their files say of themselves.

episodes.parquet  one row a run
agents.parquet    one row an agent of a run; assistants first, each in the order in which they first act
steps.parquet     one row a part of a turn, sorted by (episode, step): a text, a thought, a call or a result
texts.parquet     one row a text, which steps name by its number; each content is there once

An agent's decision is a row of steps with `decision`: `tool` says which tool, and where that is null, `kind` whether it replies
(text), ends the run (finish) or thinks. What it saw are all rows before the first of its `turn`. What a log does not say is null.
"""

import json

import pyarrow as pa

SCHEMA_VERSION = 1
METADATA_KEY = b"understudy_logs"


def _schema(required: dict[str, pa.DataType], nullable: tuple[str, ...] = ()) -> pa.Schema:
    about = {METADATA_KEY: json.dumps({"schema_version": SCHEMA_VERSION}).encode()}
    return pa.schema([pa.field(name, kind, name in nullable) for name, kind in required.items()], about)


EPISODES = _schema(
    {
        "episode": pa.int32(),
        "run": pa.string(),  # the log's name of it, else the beginning of its content's hash
        "task": pa.string(),
        "group": pa.string(),  # what runs share that must not be split over training and test, such as the customer
        "domain": pa.string(),
        "agent": pa.string(),  # who acted, such as a model's name
        "outcome": pa.float64(),  # 1 success, 0 failure, or what else the log counts
        "ended": pa.string(),  # the log's reason for the end
        "format": pa.string(),
        "source": pa.string(),  # file, below the path that was imported
        "place": pa.string(),  # line, entry or row of it
        "num_steps": pa.int32(),
        "num_decisions": pa.int32(),  # of assistants
        "metadata": pa.string(),  # a JSON object
    },
    ("task", "group", "domain", "agent", "outcome", "ended"),
)
AGENTS = _schema(
    {
        "episode": pa.int32(),
        "agent": pa.int32(),
        "name": pa.string(),
        "role": pa.string(),  # assistant, user or environment
        "num_decisions": pa.int32(),
        "num_tool_calls": pa.int32(),
    }
)
STEPS = _schema(
    {
        "episode": pa.int32(),
        "step": pa.int32(),
        "turn": pa.int32(),  # place of the message in the log, shared by parallel calls; -1 before the first
        "agent": pa.int32(),  # of a result, the agent that called the tool
        "role": pa.string(),  # system, user, assistant, tool or environment
        "kind": pa.string(),  # text, thought, tool_call, tool_result or finish
        "decision": pa.bool_(),  # this row names what its turn decided
        "tool": pa.string(),  # of a text, the agent that it is addressed to
        "arguments": pa.int64(),  # number of a text, a JSON object
        "text": pa.int64(),  # number of a text
        "answers": pa.int32(),  # of a result, the step of its call
        "error": pa.bool_(),
        "reward": pa.float64(),
    },
    ("agent", "tool", "arguments", "text", "answers", "error", "reward"),
)
TEXTS = _schema({"text": pa.int64(), "content": pa.string()})
FILES = {"episodes.parquet": EPISODES, "agents.parquet": AGENTS, "steps.parquet": STEPS, "texts.parquet": TEXTS}
