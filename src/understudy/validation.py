"""What pydantic complains of, as one sentence.

describe(error, model) -- `key: expected ..., got ...`
"""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of pydantic as `key: expected ..., got ...`; `model` supplies the names of the keys that exist."""
    errors = error.errors(include_url=False)
    # A misspelt key is an unknown one and a missing one; the unknown one is what to look at.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    key = ".".join(printable(part) for part in first["loc"])
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        return f"{key}: expected one of the keys {', '.join(known) or 'none'}, got an unknown one" + (
            f"; did you mean {close[0]}?" if close else ""
        )
    if first["type"] == "missing":
        return f"{key}: expected a value, got none"
    if first["type"] == "too_short":
        return f"{key}: expected at least {first['ctx']['min_length']} item, got {first['input']!r}"
    expected = (
        first["msg"]
        .removeprefix("Input should be ")
        .removeprefix("Value should have ")
        .replace("Keys should be", "keys as")
    )
    return f"{key}: expected {expected}, got {first['input']!r}"


def printable(part: object) -> str:
    """A key as it may stand in a message of one line."""
    return str(part) if str(part).isprintable() else repr(part)


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at a place, whose models lie below the types of the fields on the way there."""
    for part in location:
        if str(part) in model.model_fields:
            below = _model_in(model.model_fields[str(part)].annotation)
        else:  # a name of the user's own choice
            below = _model_in(model.model_fields["root"].annotation) if "root" in model.model_fields else None
        if below is None:
            break
        model = below
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first pydantic model that a type names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
