"""The study of one model for several tasks: its stages, and that its parts fit together."""

import networkx
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.imports import ROOT
from understudy.params.load import load_sections
from understudy.params.project import load_project
from understudy.params.task_project import TaskProject
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params

STUDY = ROOT / "studies" / "generalist"
PARAMS = load_project(STUDY / "params.yaml")
STAGES = YAML(typ="safe").load((STUDY / "dvc.yaml").read_text())["stages"]


def of_tasks() -> dict:
    return {name: load_params(STUDY / name / "params.yaml") for name in PARAMS.tasks.names}


def test_everything_comes_before_the_drawing():
    with Repo(STUDY) as repo:
        graph = repo.index.graph
        [drawing] = [stage for stage in graph if stage.name == "draw"]
        assert {drawing, *networkx.descendants(graph, drawing)} == set(graph)
        named = [stage for stage in graph if stage.name.startswith("evaluate_task")]
        assert len(named) == len(PARAMS.policies.names) * len(PARAMS.training.seeds) * len(PARAMS.tasks.names)


def test_each_task_is_a_folder_and_all_are_judged_on_the_same_seeds():
    assert isinstance(PARAMS, TaskProject)
    folders = {path.parent.name for path in STUDY.glob("*/params.yaml")}
    assert folders == set(PARAMS.tasks.names)
    for params in of_tasks().values():
        assert params.evaluation == PARAMS.evaluation


def test_the_stages_depend_on_every_task():
    for stage, needed in {
        "code": "{}/params.yaml",
        "join_tasks": "{}/data/processed/sequences",
        "draw": "{}/data/evaluation",
    }.items():
        listed = [
            *STAGES[stage]["deps"],
            *(next(iter(each)) for each in STAGES[stage]["params"] if isinstance(each, dict)),
        ]
        assert {needed.format(name) for name in PARAMS.tasks.names} <= set(listed)


def test_training_depends_on_all_of_its_section_but_the_seeds():
    listed = [key.removeprefix("training.") for key in STAGES["train_policy"]["params"] if key.startswith("training.")]
    assert listed == [name for name in TrainingParams.model_fields if name != "seeds"]


def test_a_specialist_has_the_generalists_family_and_sizes():
    generalist = PARAMS.policies.named("coarse")
    for params in of_tasks().values():
        assert params.policies.named("coarse").model == generalist.model
        assert (
            load_sections(STUDY / "params.yaml", {"training": TrainingParams})["training"].seeds
            == params.training.seeds
        )
