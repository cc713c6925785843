"""The versions of the libraries that code imports.

versions(packages) -- {"scikit-learn": "1.9.0", ...} for {"sklearn", ...}
"""

import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Distribution and version for names of top-level packages, Python's own left out.

    A version is the public part alone: 2.13.0+cpu and 2.13.0 are one. A package that is not installed is None under its own name.
    """
    found: dict[str, str | None] = {}
    for package in set(packages) - sys.stdlib_module_names:
        provided = _providers().get(package, [])
        found |= {name: _version(name) for name in provided}
        if not provided:
            found[package] = None
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}


@cache
def _providers() -> Mapping[str, list[str]]:
    """The distributions by the packages that they install; to find them takes a fifth of a second.

    Where several name one package, those count that have files in it: ruamel.yaml.clib names ruamel, and holds nothing of it.
    """
    named = importlib.metadata.packages_distributions()
    return {
        package: names
        if len(set(names)) == 1
        else [name for name in names if any(_is_in(path, package) for path in importlib.metadata.files(name) or [])]
        for package, names in named.items()
    }


def _is_in(path: importlib.metadata.PackagePath, package: str) -> bool:
    return path.parts[0].partition(".")[0] == package


@cache
def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution).partition("+")[0]
