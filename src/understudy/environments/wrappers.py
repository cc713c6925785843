"""`environment.wrappers` of params.yaml: gymnasium's own by their names, others as module:Class.

wrap(environment, wrappers) -- the environment within them, the first one innermost
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from understudy.errors import ParameterError
from understudy.utils.named import load_named

# They carry something from one episode to the next, or write files: an episode would not follow from its seed alone.
REFUSED = {
    "NormalizeObservation": "its statistics pass from one episode to the next; sequences scale observations by themselves",
    "NormalizeReward": "its statistics pass from one episode to the next; sequences scale returns by themselves",
    "RecordVideo": "recordings are made without pictures; `understudy watch` draws them",
    "RecordEpisodeStatistics": "the recording has the statistics",
    "Autoreset": "the loop that plays resets by itself",
    "HumanRendering": "stages play without pictures",
    "RenderCollection": "stages play without pictures",
}


def wrap(environment: gymnasium.Env[Any, Any], wrappers: Sequence[Mapping[str, Any]]) -> gymnasium.Env[Any, Any]:
    """Put an environment into wrappers.

    Args:
        environment: what they wrap.
        wrappers: each with its `name` and the other arguments of its constructor; the first one comes next to the environment.

    Raises:
        ParameterError: a name is not known, is refused, or the wrapper refuses its arguments or the environment.
    """
    for number, wrapper in enumerate(wrappers):
        where = f"environment.wrappers[{number}]"
        arguments = {key: value for key, value in wrapper.items() if key != "name"}
        kind = _wrapper_class(wrapper.get("name"), where)
        try:
            environment = kind(environment, **arguments)
        except Exception as error:  # constructors of wrappers promise nothing
            problem = " ".join(str(error).split())
            raise ParameterError(
                f"{where}: expected arguments and an environment that {wrapper['name']} takes,"
                f" got {arguments or 'no arguments'}: {problem}"
            ) from None
        if not isinstance(environment, gymnasium.Env):
            raise ParameterError(f"{where}.name: expected a wrapper that makes an environment, got {wrapper['name']!r}")
    return environment


def _wrapper_class(name: Any, where: str) -> Any:
    if not isinstance(name, str):
        raise ParameterError(f"{where}.name: expected the name of a wrapper, got {name!r}")
    if name in REFUSED:
        raise ParameterError(f"{where}.name: expected another wrapper than {name}: {REFUSED[name]}")
    if ":" in name:
        return load_named(name, f"{where}.name")
    found = getattr(gymnasium.wrappers, name, None)
    if not (isinstance(found, type) and issubclass(found, gymnasium.Wrapper)):
        raise ParameterError(f"{where}.name: expected a wrapper of gymnasium.wrappers, or module:Class, got {name!r}")
    return found
