"""Versions of the libraries that code imports."""

import importlib.metadata
from pathlib import PurePosixPath

import pytest

from understudy.code import distributions
from understudy.code.distributions import versions


@pytest.fixture
def installed(monkeypatch):
    """Three made-up distributions, one of which provides no package under its own name."""
    providers = {"torch": ["torch"], "sklearn": ["Scikit_Learn", "Scikit_Learn"], "shared": ["one", "two"]}
    numbers = {"torch": "2.13.0+cpu", "Scikit_Learn": "1.9.0", "one": "1", "two": "2.0.post1"}
    monkeypatch.setattr(distributions, "_providers", lambda: providers)
    monkeypatch.setattr(importlib.metadata, "version", numbers.__getitem__)


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"torch"}, {"torch": "2.13.0"}),
        ({"sklearn", "json"}, {"scikit-learn": "1.9.0"}),
        ({"shared"}, {"one": "1", "two": "2.0.post1"}),
        ({"absent"}, {"absent": None}),
        (set(), {}),
    ],
)
def test_versions_are_found_by_the_names_of_packages(installed, packages, expected):
    assert versions(packages) == expected


def test_a_distribution_counts_where_it_has_files(monkeypatch):
    files = {"ruamel.yaml": ["ruamel/yaml/main.py"], "ruamel.yaml.clib": ["_ruamel_yaml.so"], "alone": None}
    files |= {"one": ["shared/a.py"], "two": ["shared.py"]}
    named = {"ruamel": ["ruamel.yaml.clib", "ruamel.yaml"], "shared": ["one", "two", "alone"], "editable": ["alone"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: named)
    paths = {name: each and [PurePosixPath(path) for path in each] for name, each in files.items()}
    monkeypatch.setattr(importlib.metadata, "files", paths.__getitem__)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1 of {name}")
    caches = (distributions._providers, distributions._version)
    for each in caches:
        each.cache_clear()
    try:
        found = versions(named)
    finally:
        for each in caches:
            each.cache_clear()
    assert sorted(found) == ["alone", "one", "ruamel-yaml", "two"]


def test_what_parses_yaml_in_c_is_in_no_description_of_code():
    """DVC's parser of params.yaml, whose version changes nothing that a stage computes."""
    assert set(versions({"ruamel", "numpy"})) == {"ruamel-yaml", "numpy"}
