"""Imitation learning as a DVC pipeline: a demonstrator acts, sequence models learn to act like it, the environment judges both.

`dir(understudy)` lists the public names; understudy/public.py says where each comes from, and __init__.pyi its type. They come
when they are first asked for, so that stages which need no torch never import it.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    public = importlib.import_module("understudy.public").PUBLIC
    if name == "__all__":
        return ["__version__", *public]
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("understudy")
    if name in public:
        return getattr(importlib.import_module(public[name]), name)
    raise AttributeError(f"module 'understudy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
