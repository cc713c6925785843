"""Objects of the user's own, by module:name.

load_named(name, where) -- the object; the stages look for the module in custom/
"""

import importlib
from typing import Any

from understudy.errors import ParameterError


def load_named(name: str, where: str) -> Any:
    """What `name`, such as "my_module:MyClass", stands for.

    Args:
        name: a module, a colon, and a name in it.
        where: what messages begin with.

    Raises:
        ParameterError: there is no such module or name, or the module fails while it is imported.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ParameterError(f"{where}: expected module:name, got {name!r}")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # importing runs whatever the module holds
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ParameterError(
            f"{where}: expected {name!r} in a module of custom/ or an installed one, got {problem}"
        ) from None
