"""Projects that have learned from logs, made once for the tests of this folder."""

import os
from pathlib import Path

import pytest

from tests.logs.learned import REPLY_PARAMS, REPLYING, learn, learn_replies, prepare, write_project


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


@pytest.fixture(scope="session")
def replying(tmp_path_factory) -> Path:
    """The folder of a project whose policies predict replies."""
    folder, before = tmp_path_factory.mktemp("replying"), Path.cwd()
    write_project(folder, REPLY_PARAMS)
    os.chdir(folder)
    try:
        prepare(REPLYING)
        learn_replies()
    finally:
        os.chdir(before)
    return folder
