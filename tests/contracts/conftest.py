"""A small project in which the pipeline has run: once, whoever of pytest's processes wants it first; the others wait for it."""

import pytest
from filelock import FileLock

from tests.contracts.imports_seen import recorder
from tests.contracts.small_pipeline import commit, copy_project, run


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id):
    """A folder of this run of pytest that all of its processes see."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def finished_imports(shared):
    """The folder in which the stages of `finished` noted what they import."""
    return shared / "imports"


@pytest.fixture(scope="session")
def finished(shared, finished_imports):
    """The project, committed with its results. It is everybody's: a test that changes something wants a copy."""
    folder = shared / "finished"
    with FileLock(shared / "finished.lock"):
        if not (finished_imports / "done").exists():
            for each in (folder, finished_imports):
                each.mkdir()
            copy_project(folder)
            run(folder, "dvc", "repro", **recorder(finished_imports))
            commit(folder, "Results")
            (finished_imports / "done").touch()
    return folder
