"""Imitation learning as a DVC pipeline: a demonstrator acts, sequence models learn to act like it, the environment judges both.

load_policy(path) -- a trained policy with stable-baselines3's `predict` protocol
"""

import importlib


def __getattr__(name: str):
    """Load `load_policy` when it is first asked for, so that stages which need no torch never import it."""
    if name == "load_policy":
        return importlib.import_module("understudy.policies.predict").load_policy
    raise AttributeError(f"module 'understudy' has no attribute {name!r}")
