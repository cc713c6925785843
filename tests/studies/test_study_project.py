"""A study as DVC sees it, small: it runs in its folder, the root knows nothing of it, and a copy of the folder is a study."""

import shutil
from contextlib import chdir

import pytest

from tests.builders import call_pipeline, call_stage
from tests.contracts.small_pipeline import (
    commit,
    copy_project,
    copy_study,
    dvc,
    put_back,
    run,
    set_params,
    stages_to_rerun,
)

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(made_once, tmp_path_factory):
    """A small project with one study, whose stages, called in this process, have run in its folder."""

    def make(folder):
        copy_project(folder)
        study = copy_study(folder, "continuous", ["mlp"])
        call_pipeline(study, ["mlp"])
        with chdir(study):
            call_stage("report")
        dvc(study, "commit", "--force")
        commit(folder, "Results")

    made = made_once("with_a_study", make)
    return shutil.copytree(made, tmp_path_factory.mktemp("copy") / "project", symlinks=True)


@pytest.fixture
def study(project):
    """The study's folder, put back as it was committed when a test is done with it."""
    yield project / "studies/continuous"
    run(project, "git", "checkout", "--quiet", ".")
    put_back(project / "studies/continuous")


def test_it_has_run_in_its_folder_on_the_roots_cache(project, study):
    assert stages_to_rerun(study) == set()
    assert (study / "metrics/summary.json").is_file()
    assert not (study / ".dvc/cache").exists()
    assert any((project / ".dvc/cache/files/md5").iterdir())
    assert not run(project, "git", "status", "--porcelain").strip()


def test_the_root_knows_nothing_of_it(project, study):
    assert "studies" not in dvc(project, "stage", "list", "--all")
    assert "continuous" not in dvc(project, "status")
    assert not (project / "dvc.lock").exists()


def test_compiled_code_does_not_change_it_for_long(project, study):
    cache = project / "src/understudy/code/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "table.pyc").touch()
    dvc(study, "repro")
    assert stages_to_rerun(study) == set()
    assert not run(project, "git", "status", "--porcelain").strip()


def test_a_temporary_experiment_runs_and_can_be_applied_and_undone(project, study):
    with (project / "src/understudy/report/table.py").open("a") as module:
        module.write('\nprint("table from", __file__)\n')
    printed = dvc(study, "exp", "run", "--temp", "--name", "tried", "--set-param", "comparison.resamples=101")
    where = [line for line in printed.splitlines() if line.startswith("table from")]
    assert len(where) == 2 and all(str(study / ".dvc/tmp/exps") in line for line in where)
    [changed] = [line for line in printed.splitlines() if line.startswith("understudy.report.table has changed: ")]
    stale = changed.partition(": ")[2].split(", ")  # also stages that other projects have
    assert {"compare", "report"} <= set(stale) and not any("/" in name for name in stale)
    assert printed.count("Running stage") == 3  # code, compare and report
    run(project, "git", "checkout", "--quiet", ".")
    assert stages_to_rerun(study) == set()
    dvc(study, "exp", "apply", "tried")
    assert "resamples: 101" in (study / "params.yaml").read_text()
    assert "tried" in dvc(study, "exp", "show", "--csv")
    run(project, "git", "checkout", "--quiet", ".")
    dvc(study, "checkout")
    assert stages_to_rerun(study) == set()


def test_a_copy_of_the_folder_is_a_study(project, study):
    own = shutil.copytree(study, project / "studies/own", symlinks=True)
    assert stages_to_rerun(own) == set()
    set_params(own, {"comparison.resamples": 150})
    printed = dvc(own, "repro")
    assert "Running stage 'compare'" in printed and printed.count("Running stage") == 3  # code, compare and report
    shutil.rmtree(own)
