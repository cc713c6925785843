"""From a policy's block in params.yaml to a family's module.

build_model(family, config, interface, where) -- the module
check_play(family, play, where)               -- the settings that only playing needs
learns_tasks(family)                          -- whether it learns several tasks
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from understudy.errors import ParameterError
from understudy.interface import Interface
from understudy.models.registry import load_family
from understudy.validation import describe

Arguments = dict[str, tuple[Any, Any]]  # (type, default) by name; ... stands for no default


def build_model(family: str, config: dict[str, Any], interface: Interface, where: str) -> Any:
    """Construct a family's module: a Player, and a Family unless it is a demonstrator.

    Args:
        family: its name in the registry.
        config: arguments of its constructor, but for those that the interface determines; `state_differences: auto` is 1 where
            observation components are hidden, else 0.
        interface: of what it is made for.
        where: what messages begin with, such as "policies.decoder".

    Raises:
        ParameterError: the family does not exist, an argument is missing, unknown, of the wrong type or refused, or the family
            needs what the interface does not have.
    """
    constructor = _load(family, where)
    config = resolved(config, interface)
    accepted, offered = _constructor_arguments(constructor), interface.model_arguments()
    if len(interface.tasks) > 1 and "tasks" not in accepted:
        raise ParameterError(
            f"{where}.family: expected one that learns several tasks, of which there are {len(interface.tasks)}, got {family}"
        )
    asked = {name: default for name, (_, default) in accepted.items() if name in offered}
    given = {name: offered[name] for name, default in asked.items() if offered[name] is not None or default is ...}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise ParameterError(f"{where}.family: expected data that say {missing[0]}, which {family} needs, got none")
    own = {name: argument for name, argument in accepted.items() if name not in offered}
    _check(family, own, config, f"{where}.model")
    try:
        return constructor(**config, **given)
    except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise ParameterError(f"{where}.model.{' '.join(str(error).split())}") from None


def learns_tasks(family: str) -> bool:
    """Whether the family of this name asks for all tasks, and has weights that they share."""
    return "tasks" in _constructor_arguments(load_family(family))


def resolved(config: dict[str, Any], interface: Interface) -> dict[str, Any]:
    """The config with `auto` replaced by what it stands for."""
    if config.get("state_differences") != "auto":
        return dict(config)
    hidden = any(task.hidden_components for task in interface.tasks)
    return config | {"state_differences": 1 if hidden else 0}


def check_play(family: str, play: dict[str, Any], where: str) -> None:
    """Hold the settings of a way to play against what the family's `begin` takes.

    Args:
        family: its name in the registry.
        play: the settings.
        where: what messages begin with, such as "policies.decoder.play".

    Raises:
        ParameterError: a key is unknown or a value of another type.
    """
    accepted = _arguments(_load(family, where).begin, leave_out=("self", "num_rows"))
    _check(family, accepted, play, where)


def _load(family: str, where: str) -> type[Any]:
    try:
        return load_family(family)
    except ValueError as error:
        raise ParameterError(f"{where}.{error}") from None


def _constructor_arguments(constructor: type[Any]) -> Arguments:
    """What a constructor takes; its `**options` are the fields of the class's dataclass `Options`."""
    accepted = _arguments(constructor, leave_out=())
    parameters = inspect.signature(constructor).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        for field in fields(constructor.Options):
            accepted[field.name] = (field.type, ... if field.default is MISSING else field.default)
    return accepted


def _arguments(function: Callable[..., Any], leave_out: tuple[str, ...]) -> Arguments:
    return {
        name: (parameter.annotation, ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in leave_out and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _check(family: str, accepted: Arguments, given: dict[str, Any], where: str) -> None:
    config = ConfigDict(extra="forbid", strict=True)
    checked: type[BaseModel] = create_model(family, __config__=config, **accepted)  # type: ignore[call-overload]
    try:
        checked.model_validate(given)
    except ValidationError as error:
        raise ParameterError(f"{where}.{describe(error, checked)}") from None
