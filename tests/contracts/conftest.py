"""A small project in which the pipeline has run."""

import pytest

from tests.contracts.imports_seen import recorder
from tests.contracts.small_pipeline import commit, copy_project, dvc


@pytest.fixture(scope="session")
def finished_imports(shared, finished):
    """The folder in which the stages of `finished` noted what they import."""
    return shared / "imports"


@pytest.fixture(scope="session")
def finished(shared, made_once):
    """The project, committed with its results."""

    def make(folder):
        (shared / "imports").mkdir()
        copy_project(folder)
        dvc(folder, "repro", **recorder(shared / "imports"))
        commit(folder, "Results")

    return made_once("finished", make)
