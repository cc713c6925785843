"""A project that has learned from logs, made once for the tests of this folder."""

import os
from pathlib import Path

import pytest

from tests.logs.learned import learn, prepare, write_project


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> Path:
    """Its folder, with three trained policies."""
    folder, before = tmp_path_factory.mktemp("learned"), Path.cwd()
    write_project(folder)
    os.chdir(folder)
    try:
        prepare()
        for policy in ("mlp", "decoder", "hierarchical"):
            learn(policy)
    finally:
        os.chdir(before)
    return folder
