"""The columns of a recording, and what its file metadata says.

steps.parquet     one row a step and agent, sorted by (episode, step, agent)
episodes.parquet  one row an episode
"""

import importlib.metadata
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from understudy.spec import EnvironmentSpec

SCHEMA_VERSION = 1
METADATA_KEY = b"understudy"


def action_type(spec: EnvironmentSpec) -> pa.DataType:
    """int64 for a choice, a fixed-size list of float32 for a vector."""
    return pa.int64() if spec.discrete_actions else pa.list_(pa.float32(), spec.action_dim)


def steps_schema(spec: EnvironmentSpec) -> pa.Schema:
    """Columns of steps.parquet; `option` is -1 where the actor follows none."""
    fields = {
        "episode": pa.int32(),
        "step": pa.int32(),
        "agent": pa.int16(),
        "observation": pa.list_(pa.float32(), spec.state_dim),
        "action": action_type(spec),
        "demonstrated_action": action_type(spec),
        "reward": pa.float32(),
        "option": pa.int16(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields.items()])


def episodes_schema(spec: EnvironmentSpec, players: bool = False) -> pa.Schema:
    """Columns of episodes.parquet; the two end flags are never merged.

    `return` is the mean over the agents of what each was paid, `final_observation` holds theirs one after the other. Where
    several players acted, `player` is whose episode it is, a place in the metadata's list of them.
    """
    fields = {
        "episode": pa.int32(),
        "seed": pa.int64(),
        "length": pa.int32(),
        "return": pa.float64(),
        "terminated": pa.bool_(),
        "truncated": pa.bool_(),
        "final_observation": pa.list_(pa.float32(), spec.state_dim * spec.num_agents),
        **({"player": pa.int16()} if players else {}),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields.items()])


def metadata(spec: EnvironmentSpec, demonstrator: str, players: Sequence[str] = ()) -> dict[bytes, bytes]:
    """File metadata: what was recorded, of whom, with what; no clock, no host."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "environment": spec.to_json(),
        "demonstrator": demonstrator,
        "gymnasium_version": importlib.metadata.version("gymnasium"),
        **({"players": list(players)} if players else {}),
    }
    return {METADATA_KEY: json.dumps(content, sort_keys=True).encode()}
