"""Which reader a record wants.

reader(format)  -- the module of a format
detect(content) -- the format that a record seems to have
"""

from types import ModuleType
from typing import Any

from understudy.errors import DataError
from understudy.logs.formats import (
    atif,
    inspect,
    openai_chat,
    opentelemetry,
    plain,
    sharegpt,
    tau2_bench,
    tau_bench,
    who_and_when,
)

# In the order in which they are tried: the more particular first.
READERS: dict[str, ModuleType] = {
    "opentelemetry": opentelemetry,
    "atif": atif,
    "inspect": inspect,
    "tau2_bench": tau2_bench,
    "tau_bench": tau_bench,
    "who_and_when": who_and_when,
    "plain": plain,
    "sharegpt": sharegpt,
    "openai_chat": openai_chat,
}
GATHERING = ("opentelemetry",)  # formats whose runs lie over many records of a file


def detect(content: Any) -> str:
    """The name of a format.

    Raises:
        DataError: it is none of them.
    """
    for name, module in READERS.items():
        if module.matches(content):
            return name
    keys = (
        f"an object with {', '.join(map(str, list(content)[:5]))}"
        if isinstance(content, dict)
        else type(content).__name__
    )
    raise DataError(f"expected a log of one of the formats {', '.join(READERS)}, got {keys[:200]}")
