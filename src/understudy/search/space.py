"""What a search may change: keys of a policy's block in params.yaml.

first_values(space, policy, training) -- what params.yaml says of them now
with_values(policy, values)           -- the block with others
without_values(policy, training, space) -- what the search leaves as it is, JSON-ready
parameters(policy, training)          -- all that may be searched
full_key(key, policy)                 -- the key in params.yaml

A key is `model.NAME`, `play.NAME`, `training.NAME` or `best_returns`. A value below `training.` is the policy's own, whether its
block has one so far or takes that of all policies.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.errors import ParameterError
from understudy.params.policies import PolicyParams
from understudy.params.search import SearchParams, Value
from understudy.params.training import OF_ALL, TrainingParams

FILE = Path("search.yaml")
PARTS = ("model", "play", "training")
Values = dict[str, Value]


def first_values(search: SearchParams, name: str, policy: PolicyParams, training: TrainingParams) -> Values:
    """The setting of params.yaml, which is the first trial.

    Args:
        search: whose space it is.
        name: of the policy.
        policy: its block.
        training: the section of all policies.

    Raises:
        ParameterError: the space names what is no parameter of the policy, or does not hold the value that it has now.
    """
    known = parameters(policy, training)
    values: Values = {}
    for key, parameter in search.space.items():
        where = f"{FILE}: {name}.space.{key}"
        if key not in known:
            raise ParameterError(f"{where}: expected one of policies.{name}'s {', '.join(known)}, got an unknown one")
        if not parameter.holds(known[key]):
            raise ParameterError(
                f"{where}: expected a range that holds {known[key]!r}, the value in params.yaml, with which the search begins"
            )
        if search.objective != "return" and key.startswith("play."):
            raise ParameterError(
                f"{where}: expected the objective return, of which alone play decides, got {search.objective}"
            )
        values[key] = known[key]
    return values


def with_values(policy: PolicyParams, values: Mapping[str, Value]) -> PolicyParams:
    """The policy's block with these values."""
    content = policy.model_dump()
    for key, value in values.items():
        part, _, name = key.partition(".")
        if name:
            content[part][name] = value
        else:
            content[part] = value
    return PolicyParams.model_validate(content)


def without_values(policy: PolicyParams, training: TrainingParams, search: SearchParams) -> dict[str, Any]:
    """The policy's block, and the section of all policies, but for what is searched."""
    content = policy.model_dump()
    shared = training.model_dump(exclude={"seeds"})
    for key in search.space:
        part, _, name = key.partition(".")
        if name:
            content[part].pop(name, None)
        else:
            content.pop(part, None)
        if part == "training":
            shared.pop(name, None)
    return {"policy": content, "training": shared}


def full_key(key: str, policy: str) -> str:
    """The dotted key in params.yaml: of the policy's block, or as it is for one of an earlier stage."""
    return f"policies.{policy}.{key}" if key == "best_returns" or key.partition(".")[0] in PARTS else key


def parameters(policy: PolicyParams, training: TrainingParams) -> dict[str, Any]:
    """The present value of all that may be searched, by key."""
    own = training.model_dump(exclude=set(OF_ALL)) | policy.training
    known = {f"model.{name}": value for name, value in policy.model.items()}
    known |= {f"play.{name}": value for name, value in policy.plain_play.items()}
    return known | {f"training.{name}": value for name, value in own.items()} | {"best_returns": policy.best_returns}
