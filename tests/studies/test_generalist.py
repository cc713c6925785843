"""The studies of one model for several tasks: their stages, and that their parts fit together."""

import sys
from pathlib import Path

import networkx
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.studies.graphs import graph_of
from understudy.errors import ParameterError
from understudy.evaluation.tasks import TaskReturns
from understudy.params.project import load_project
from understudy.params.task_project import TaskProject
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params

SIZES = ("embed_dim", "num_layers", "num_heads", "num_kv_heads", "hidden_dim", "context")

APART = {"transfer", "pixels"}  # folders of runs that are none of its tasks, and have a drawing or a page of their own
UNLEARNED = {"lander_wind", "lander_gravity"}  # of runs that are none of its tasks

STUDIES = [ROOT / "studies" / name for name in ("generalist", "generalist_prompts", "generalist_returns")]
each_study = pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
beside_specialists = pytest.mark.parametrize("study", [STUDIES[0], STUDIES[2]], ids=lambda path: path.name)


def stages_of(study):
    return YAML(typ="safe").load((study / "dvc.yaml").read_text())["stages"]


@each_study
def test_everything_comes_before_the_drawing(study):
    params = load_project(study / "params.yaml")
    graph = graph_of(study)
    own = {stage for stage in graph if not any(Path(stage.wdir).is_relative_to(study / each) for each in APART)}
    [drawing] = [stage for stage in own if stage.name == "draw"]
    pictures = {drawing, *(stage for stage in own if stage.name == "attention")}
    assert {*pictures, *networkx.descendants(graph, drawing)} == own
    trained = {
        stage
        for stage in graph
        if stage.name.startswith(("train_policy", "evaluate_task")) and stage.wdir == str(study)
    }
    assert all(trained <= networkx.descendants(graph, picture) for picture in pictures)
    named = [stage for stage in graph if stage.name.startswith("evaluate_task")]
    assert len(named) == len(params.policies.names) * len(params.training.seeds) * len(params.tasks.names)


@each_study
def test_each_task_is_a_folder_and_all_are_judged_on_the_same_seeds(study):
    params = load_project(study / "params.yaml")
    assert isinstance(params, TaskProject)
    assert {path.parent.name for path in study.glob("*/params.yaml")} - APART - UNLEARNED == set(params.tasks.names)
    for name in params.tasks.names:
        assert load_params(study / name / "params.yaml").evaluation == params.evaluation


@each_study
def test_the_stages_depend_on_every_task(study):
    stages, names = stages_of(study), load_project(study / "params.yaml").tasks.names
    needed = {"code": "{}/params.yaml", "join_tasks": "{}/data/processed/sequences", "draw": "{}/data/evaluation"}
    for stage, path in needed.items():
        of_params = [next(iter(each)) for each in stages[stage]["params"] if isinstance(each, dict)]
        assert {path.format(name) for name in names} <= {*stages[stage]["deps"], *of_params}


@each_study
def test_training_depends_on_all_of_its_section_but_the_seeds(study):
    listed = [key for key in stages_of(study)["train_policy"]["params"] if key.startswith("training.")]
    assert listed == [f"training.{name}" for name in TrainingParams.model_fields if name != "seeds"]


@beside_specialists
def test_a_specialist_has_the_generalists_sizes(study):
    generalist = load_project(study / "params.yaml")
    sizes = {key: generalist.policies.named("coarse").model[key] for key in SIZES}
    for name in generalist.tasks.names:
        params = load_params(study / name / "params.yaml")
        transformers = [block.model for _, block in params.policies.items() if "embed_dim" in block.model]
        assert transformers
        assert all(model.items() >= sizes.items() for model in transformers)
        if "coarse" in params.policies.names:
            coarse = generalist.policies.named("coarse").model
            pictured = "image_shape" in params.policies.named("coarse").model
            assert pictured == params.environment.id.startswith("minigrid:")
            of_pictures = {"image_shape", "patch_size", "patch_dim"} if not pictured else set()
            expected = {key: value for key, value in coarse.items() if key not in of_pictures}
            assert params.policies.named("coarse").model == expected
        few = name in ("go_to_local", "pickup_loc")  # whose specialists take the longest to train
        assert params.training.seeds == generalist.training.seeds[: 3 if few else None]


def test_the_run_of_pixels_differs_from_that_of_cells_in_what_is_seen_and_in_how_much_is_recorded():
    cells, pixels = (
        load_params(ROOT / "studies/generalist" / name / "params.yaml") for name in ("go_to_obj", "pixels")
    )
    assert pixels.environment.id == cells.environment.id
    assert pixels.environment.wrappers == [cells.environment.wrappers[-1] | {"tile_size": 4}]
    assert pixels.rollouts == cells.rollouts.model_copy(update={"episodes": 3000})
    assert (pixels.sequences, pixels.evaluation) == (cells.sequences, cells.evaluation)
    numbers, patches = (pixels.policies.named(name).model for name in ("numbers", "patches"))
    of_pixels = {"image_shape": [28, 28, 3], "patch_size": 4, "patch_dim": 32}
    assert patches == numbers | of_pixels == cells.policies.named("coarse").model | of_pixels
    assert pixels.comparison.differences == [["patches", "numbers"]]


STUDY = ROOT / "studies" / "generalist"
GENERALIST_DRAW = imported(STUDY / "draw.py")


def returns_of(policy: list[list[float]]) -> TaskReturns:
    """Where a random player returns 0 and the demonstrator 2 in the mean."""
    return TaskReturns(np.array(policy), np.array([3.0, 2.0, 1.0]), np.zeros(3))


RETURNS = {
    "coarse": {
        "a": returns_of([[2.0, 2.0, 2.0], [2.0, 0.0, 1.0]]),
        "b": returns_of([[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]),
    },
    "mlp alone": {"a": returns_of([[1.0, 0.0, 0.0]]), "b": returns_of([[0.0, 0.0, 0.0]])},
    "coarse alone": {"a": returns_of([[2.0, 2.0, 2.0]]), "b": returns_of([[2.0, 2.0, 2.0]])},
}


def test_the_table_has_scores_and_what_the_generalist_reaches_of_the_specialists_named():
    rows = [
        line.strip("| ").split(" | ")
        for line in GENERALIST_DRAW.format_table(RETURNS, ["coarse"], "coarse alone").splitlines()
    ]
    assert [(row[0], *(float(cell.split(" ")[0]) for cell in row[1:])) for row in rows[2:5]] == [
        ("coarse", 0.75, 1.0, 1.0),
        ("mlp alone", 0.167, 0.0, 0.083),
        ("coarse alone", 1.0, 1.0, 1.0),
    ]
    assert rows[-1][0].startswith("coarse: 1.000 [")
    assert rows[-1][0].endswith("] of the score of coarse alone over all tasks.")


def test_success_is_the_share_of_episodes_that_returned_more_than_nothing():
    rows = [
        line.strip("| ").split(" | ") for line in GENERALIST_DRAW.format_successes(RETURNS, ["b", "a"]).splitlines()
    ]
    assert rows[0] == ["success", "b", "a"]
    assert rows[2:] == [
        ["coarse", "1.000", "0.833"],
        ["mlp alone", "0.000", "0.333"],
        ["coarse alone", "1.000", "1.000"],
        ["demonstrator", "1.000", "1.000"],
    ]


def test_generalists_are_measured_by_specialists_that_every_task_has(tmp_path, monkeypatch):
    YAML().dump(YAML().load(STUDY / "params.yaml"), tmp_path / "params.yaml")
    for name in load_project(STUDY / "params.yaml").tasks.names:
        params = YAML().load(STUDY / name / "params.yaml")
        if name == "pendulum":
            del params["policies"]["mlp"]
            params["comparison"] |= {"baseline": None, "differences": []}
        (tmp_path / name).mkdir()
        YAML().dump(params, tmp_path / name / "params.yaml")
    monkeypatch.chdir(tmp_path)
    assert GENERALIST_DRAW.specialists_of(["cart_pole", "acrobot"]) == ["mlp", "coarse"]
    for name in ("mlp", "linear"):
        monkeypatch.setattr(sys, "argv", ["draw.py", "--beside", name])
        with refused(ParameterError, f"--beside: expected a specialist that every task has, of coarse, got '{name}'"):
            GENERALIST_DRAW.main()
    monkeypatch.setattr(sys, "argv", ["draw.py", "--success", "pendulum", "golf"])
    with refused(ParameterError, "--success: expected tasks of cart_pole, acrobot, "):
        GENERALIST_DRAW.main()
