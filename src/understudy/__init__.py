"""Imitation learning as a DVC pipeline: a demonstrator acts, sequence models learn to act like it, the environment judges both.

load_policy(path) -- a trained policy with stable-baselines3's `predict` protocol
__version__       -- the version that is installed

Their types are in __init__.pyi, since both come when they are first asked for.
"""

import importlib

__all__ = ["__version__", "load_policy"]


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for, so that stages which need no torch never import it."""
    if name == "load_policy":
        return importlib.import_module("understudy.policies.predict").load_policy
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("understudy")
    raise AttributeError(f"module 'understudy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
