"""Families by name: a family is a file of this folder that ends with `FAMILY = ItsClass`.

family_names()    -- the names that a block under `policies:` may give as its family
load_family(name) -- the class; the one place where a module of this project is imported by name

No import statement shows which family that is. So a stage program from which `load_family` can be reached says it:
`LOADS = ("expert", POLICY)`.
"""

import importlib
from pathlib import Path
from typing import Any

DEMONSTRATORS = ("expert", "scripted", "function")  # play, but learn nothing here
# What a stage program's LOADS says of families that params.yaml decides.
POLICY, EVERY_POLICY = "POLICY", "EVERY_POLICY"
NO_FAMILIES = ("__init__", "registry", "family")


def family_names() -> list[str]:
    """Names of the families that learn, sorted."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if file.stem not in (*NO_FAMILIES, *DEMONSTRATORS))


def load_family(name: str) -> type[Any]:
    """The class of a family, a demonstrator's included.

    Raises:
        ValueError: there is no such family.
    """
    known = [*family_names(), *DEMONSTRATORS]
    if name not in known:
        raise ValueError(f"family: expected one of {', '.join(known)}, got {name!r}")
    family: type[Any] = importlib.import_module(f"understudy.models.{name}").FAMILY
    return family
