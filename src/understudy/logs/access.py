"""Reading fields of decoded JSON whose shape is somebody else's: what is not as expected is a DataError of one sentence.

field(content, name, *kinds)   -- a value that must be there
optional(content, name, *kinds)-- the same, None where it is missing or null
mappings(content, name)        -- a list of objects
label(value)                   -- an identifier as text
as_number(value)               -- an outcome or reward as a float, None where it is none
to_json, parse_json            -- JSON in one form, and back
printable(text)                -- one line that a terminal shows and does not obey
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from understudy.errors import DataError

Content = Mapping[str, Any]
NAMES: dict[type, str] = {
    str: "text",
    list: "a list",
    dict: "an object",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def field(content: Content, name: str, *kinds: type) -> Any:
    """The value of a field.

    Raises:
        DataError: it is missing, or of none of these kinds.
    """
    if name not in content:
        raise DataError(f"{name}: expected {_named(kinds)}, found no such field")
    value = content[name]
    if not isinstance(value, kinds):
        raise DataError(f"{name}: expected {_named(kinds)}, got {_named((type(value),))}")
    return value


def optional(content: Content, name: str, *kinds: type) -> Any:
    """The value of a field, None where it is missing or null; DataError where it is of none of these kinds."""
    return field(content, name, *kinds) if content.get(name) is not None else None


def mappings(content: Content, name: str) -> list[dict[str, Any]]:
    """A list of objects.

    Raises:
        DataError: it is missing, no list, or an entry is no object.
    """
    values = field(content, name, list)
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise DataError(f"{name}[{number}]: expected an object, got {_named((type(value),))}")
    return values


def label(value: Any) -> str | None:
    """An identifier as text: of text that is not empty, or an integer; None of anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def as_number(value: Any) -> float | None:
    """A finite number, or true or false, as a float; None of anything else."""
    try:
        number = float(value) if isinstance(value, bool | int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys, so that what is equal is written the same."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def parse_json(text: str) -> Any:
    """A JSON value; NaN and infinities, which JSON has not but logs hold, become null, and so do numbers too large for a float.

    Raises:
        ValueError: it is no JSON. RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=lambda _: None, parse_float=lambda digits: as_number(float(digits)))


def printable(text: str) -> str:
    """One line of characters that are shown: what a log holds may steer a terminal."""
    return "".join(
        each if each.isprintable() else " " if each.isspace() else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def _named(kinds: tuple[type, ...]) -> str:
    return " or ".join(NAMES.get(kind, kind.__name__) for kind in kinds)
