"""A study is a folder with its own params.yaml and dvc.yaml that calls the root's programs: its stages are the root's stages."""

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from understudy.params import load_params

STUDIES = sorted(path.parent for path in ROOT.glob("studies/*/dvc.yaml"))
CODE = ("pipeline/", "src/")


def stages(folder):
    return YAML(typ="safe").load((folder / "dvc.yaml").read_text())["stages"]


def seen_from_a_study(stage):
    """A stage of the root as it stands in studies/NAME/dvc.yaml: code two folders up, everything else beside it."""
    if "do" in stage:
        return stage | {"do": seen_from_a_study(stage["do"])}
    cmd = stage["cmd"].replace("PYTHONPATH=src python pipeline/", "PYTHONPATH=../../src python ../../pipeline/")
    return stage | {"cmd": cmd, "deps": [f"../../{dep}" if dep.startswith(CODE) else dep for dep in stage["deps"]]}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_study_runs_the_stages_of_the_root(study):
    assert stages(study) == {name: seen_from_a_study(stage) for name, stage in stages(ROOT).items()}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_studys_params_are_valid(study):
    assert load_params(study / "params.yaml").policies
