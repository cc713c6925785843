"""Every study is the root's pipeline in a folder of its own: the same programs, seen from there, on its own params.yaml."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, SOURCE
from understudy.code.closure import SourceTree
from understudy.params import load_params

STUDIES = ROOT / "studies"
RUNS = sorted(path.parent for path in STUDIES.rglob("params.yaml"))
each_run = pytest.mark.parametrize("folder", RUNS, ids=lambda folder: str(folder.relative_to(STUDIES)))


def read_stages(text: str) -> dict:
    return YAML(typ="safe").load(text)["stages"]


def seen_from(folder: Path, text: str) -> str:
    """The root's dvc.yaml with the paths of code as they are from `folder`; data, models and metrics are the folder's own."""
    up = "../" * len(folder.relative_to(ROOT).parts)
    text = re.sub(r"PYTHONPATH=src python ", f"PYTHONPATH={up}src python {up}", text)
    return re.sub(r"^( *- )(src|pipeline)/", rf"\1{up}\2/", text, flags=re.MULTILINE)


def test_there_are_studies() -> None:
    assert {STUDIES / "continuous", STUDIES / "hidden_velocity/few", STUDIES / "hidden_velocity/many"} <= set(RUNS)


@each_run
def test_a_study_runs_the_roots_stages(folder: Path) -> None:
    expected = read_stages(seen_from(folder, (ROOT / "dvc.yaml").read_text()))
    assert read_stages((folder / "dvc.yaml").read_text()) == expected


@each_run
def test_a_studys_code_dependencies_exist_and_its_outputs_are_its_own(folder: Path) -> None:
    for stage in read_stages((folder / "dvc.yaml").read_text()).values():
        stage = stage.get("do", stage)
        outside = [path for path in stage["deps"] if path.startswith("..") and "$" not in path]
        assert outside
        assert [path for path in outside if not (folder / path).exists()] == []
        assert [path for path in stage.get("outs", []) if str(path).startswith("..")] == []


@each_run
def test_a_studys_parameters_are_valid_and_it_is_judged_on_the_same_seeds(folder: Path) -> None:
    evaluation, root = load_params(folder / "params.yaml").evaluation, load_params(ROOT / "params.yaml").evaluation
    assert (evaluation.first_seed, evaluation.episodes) == (root.first_seed, root.episodes)


def test_the_make_target_runs_every_study() -> None:
    """A folder of studies/ is one, whose dvc.yaml leads to those of its runs."""
    makefile = (ROOT / "Makefile").read_text()
    assert "dvc repro $(wildcard studies/*/dvc.yaml studies/*/*/dvc.yaml)" in makefile
    assert all((path / "dvc.yaml").exists() for path in STUDIES.iterdir() if path.is_dir())


# hidden_velocity: its two runs, and the program that draws them


def test_the_runs_without_velocities_differ_in_the_number_of_demonstrations_alone() -> None:
    few, many = (
        load_params(STUDIES / "hidden_velocity" / name / "params.yaml").model_dump() for name in ("few", "many")
    )
    assert (few["sequences"].pop("demonstrations"), many["sequences"].pop("demonstrations")) == (10, 200)
    assert few == many
    assert (
        few["rollouts"]["episodes"] - round(few["rollouts"]["episodes"] * few["sequences"]["validation_fraction"])
        == 200
    )


def test_the_students_without_velocities_are_all_combinations() -> None:
    policies = load_params(STUDIES / "hidden_velocity/few/params.yaml").policies
    decoders = [policy.model_extra for name, policy in policies.items() if name != "mlp"]
    combinations = {(each["context"], each["state_differences"], each["action_dropout"]) for each in decoders}
    assert combinations == {
        (context, differences, dropout)
        for context in (1, 2, 5, 20, 50)
        for differences in (False, True)
        for dropout in (0.0, 0.5)
    }
    assert len(decoders) == 20


def test_the_drawings_dependencies_are_what_it_imports() -> None:
    folder = STUDIES / "hidden_velocity"
    dependencies = {
        (folder / path).resolve() for path in read_stages((folder / "dvc.yaml").read_text())["draw"]["deps"]
    }
    tree = SourceTree(SOURCE)
    files = {tree.module_file(module) for module in tree.closure(folder / "draw.py").modules}
    imported = {folder / "draw.py", *(file for file in files if file.name != "__init__.py")}
    assert [file for file in imported if not dependencies & {file, *file.parents}] == []
