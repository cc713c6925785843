"""Versions of the libraries that code imports."""

import importlib.metadata

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
