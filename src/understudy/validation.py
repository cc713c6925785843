"""What pydantic complains of, as one sentence.

describe(error, model, open_section) -- `key: expected ..., got ...`
"""

import difflib

from pydantic import BaseModel, ValidationError


def describe(error: ValidationError, model: type[BaseModel], open_section: type[BaseModel]) -> str:
    """The first complaint of pydantic as `key: expected ..., got ...`; `model` supplies the names of the keys that exist.

    `open_section` is the model of sections under names of the user's own choice.
    """
    errors = error.errors(include_url=False)
    # A misspelt key is an unknown one and a missing one; the unknown one is what to look at.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    key = ".".join(printable(part) for part in first["loc"])
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1], open_section)
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        return f"{key}: expected one of the keys {', '.join(known)}, got an unknown one" + (
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


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...], open_section: type[BaseModel]) -> list[str]:
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return sorted(open_section.model_fields)
        model = annotation
    return sorted(model.model_fields)
