"""Libraries that an extra of this package installs.

import_optional(module, extra, what) -- the module, or a sentence that says how to install it
"""

import importlib
from typing import Any

from understudy.errors import ParameterError

KNOWN = ("h5py", "imageio", "minari", "openai", "optuna", "transformers", "wordllama")


def import_optional(module: str, extra: str, what: str) -> Any:
    """Import a library that is not always there.

    Raises:
        ParameterError: it is not installed.
    """
    assert module in KNOWN
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ParameterError(
            f"{what} need {module}, which is not installed; `pip install 'understudy[{extra}]'` installs it"
        ) from None
