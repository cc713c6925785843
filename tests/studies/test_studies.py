"""Every study is a DVC project of its own that runs the root's pipeline, seen from its folder, on its own params.yaml."""

import configparser

import networkx
import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, SOURCE
from tests.studies.graphs import graph_of
from understudy.code.closure import SourceTree
from understudy.params.whole import load_params

STUDIES = ROOT / "studies"
# With stages of their own: of logs, of several tasks, whose folders are runs, of trained policies, of games in text.
OF_LOGS = {STUDIES / "agents", STUDIES / "agent_replies"}
OF_TASKS = {STUDIES / "generalist", STUDIES / "generalist_prompts", STUDIES / "generalist_returns"}
OWN_STAGES = OF_LOGS | OF_TASKS | {STUDIES / "pruning", STUDIES / "words_pruned"}
WORDS = STUDIES / "words"
# Whose runs depend on a generalist: test_transfer.py and test_generalist_prompts.py
TRANSFER = {STUDIES / "generalist/transfer", *(STUDIES / "generalist_prompts").glob("lander_*")}
RUNS = sorted(
    path.parent
    for path in STUDIES.rglob("params.yaml")
    if ".dvc" not in path.parts and path.parent not in OWN_STAGES and not {WORDS, *TRANSFER} & set(path.parents)
)
PROJECTS = sorted(path.parent for path in STUDIES.glob("*/dvc.yaml"))
HIDDEN = STUDIES / "hidden_velocity"
ROOT_LINE = "vars: [{{root: {}}}]\n"


def name_of(folder):
    return str(folder.relative_to(STUDIES))


# Judged on the first half of the seeds.
MANY_POLICIES = ("generalist_prompts/", "generalist_returns/", "improve/ablations", "improve/wide")

each_run = pytest.mark.parametrize("folder", RUNS, ids=name_of)
each_project = pytest.mark.parametrize("folder", PROJECTS, ids=name_of)


def test_there_are_studies():
    assert {STUDIES / "continuous", HIDDEN / "few", HIDDEN / "many"} <= set(RUNS)
    assert {STUDIES / "continuous", HIDDEN} <= set(PROJECTS)


@each_run
def test_a_studys_pipeline_is_the_roots_but_for_where_the_root_is(folder):
    text = (ROOT / "dvc.yaml").read_text()
    assert text.count(ROOT_LINE.format(".")) == 1
    up = "/".join([".."] * len(folder.relative_to(ROOT).parts))
    assert (folder / "dvc.yaml").read_text() == text.replace(ROOT_LINE.format("."), ROOT_LINE.format(up))


@each_project
def test_a_study_is_a_project_of_its_own_on_the_roots_cache(folder):
    config = configparser.ConfigParser()
    config.read(folder / ".dvc/config")
    assert (folder / ".dvc" / config["cache"]["dir"]).resolve() == ROOT / ".dvc/cache"
    assert (folder / ".dvc/.gitignore").read_text() == (ROOT / ".dvc/.gitignore").read_text()


@each_run
def test_a_studys_parameters_are_valid_and_it_is_judged_on_the_same_seeds(folder):
    evaluation, root = load_params(folder / "params.yaml").evaluation, load_params(ROOT / "params.yaml").evaluation
    name = str(folder.relative_to(STUDIES))
    episodes = 100 if name.startswith(MANY_POLICIES) else root.episodes
    assert (evaluation.first_seed, evaluation.episodes) == (root.first_seed, episodes)


def test_the_make_target_runs_every_study():
    makefile = (ROOT / "Makefile").read_text()
    assert 'for study in $(wildcard studies/*/dvc.yaml); do (cd "$$(dirname $$study)" &&' in makefile
    assert [path.name for path in STUDIES.iterdir() if path.is_dir() and path not in PROJECTS] == []


# hidden_velocity: its two runs, and the program that draws them


def test_both_runs_come_before_the_drawing():
    """So that `dvc repro` in the study's folder, where the drawing is the one stage, runs everything."""
    graph = graph_of(HIDDEN)
    [drawing] = [stage for stage in graph if stage.name == "draw"]
    assert {drawing, *networkx.descendants(graph, drawing)} == set(graph)  # an edge leads to what a stage depends on
    assert len(graph) == 1 + 2 * (9 + 2 * 26)


def test_the_runs_without_velocities_differ_in_the_number_of_demonstrations_alone():
    few, many = (load_params(HIDDEN / name / "params.yaml").model_dump() for name in ("few", "many"))
    assert (few["sequences"].pop("demonstrations"), many["sequences"].pop("demonstrations")) == (10, 200)
    assert few == many
    episodes = few["rollouts"]["episodes"]
    assert episodes - round(episodes * few["sequences"]["validation_fraction"]) == 200


def test_the_students_without_velocities_are_all_combinations_and_further_orders():
    policies = dict(load_params(HIDDEN / "few/params.yaml").policies.items())
    decoders = [policy.model for policy in policies.values() if policy.family == "action_transformer"]
    perceptrons = {name: policy.model for name, policy in policies.items() if policy.family == "mlp"}
    combinations = {(each["context"], each["state_differences"], each["action_dropout"]) for each in decoders}
    assert combinations == {
        (context, differences, dropout)
        for context in (1, 2, 5, 20, 50)
        for differences in (0, 1)
        for dropout in (0.0, 0.5)
    } | {(context, orders, 0.0) for context in (1, 20) for orders in (2, 3)}
    assert len(decoders) == 24
    assert perceptrons.pop("mlp_differences") == perceptrons["mlp"] | {"state_differences": 1}
    assert list(perceptrons) == ["mlp"]


def test_the_drawings_dependencies_are_what_it_imports():
    listed = YAML(typ="safe").load((HIDDEN / "dvc.yaml").read_text())["stages"]["draw"]["deps"]
    tree = SourceTree(SOURCE)
    files = {tree.module_file(module) for module in tree.closure(HIDDEN / "draw.py").modules}
    imported = {HIDDEN / "draw.py", *(file for file in files if file.name != "__init__.py")}
    code = [(HIDDEN / path).resolve() for path in listed if path.endswith(".py") or "/src/" in path]
    assert all(any(path in (file, *file.parents) for path in code) for file in imported)
    assert all(any(path in (file, *file.parents) for file in imported) for path in code)


@pytest.mark.parametrize("study", sorted((ROOT / "studies").glob("*/dvc.yaml")), ids=lambda path: path.parent.name)
def test_where_own_programs_are_described_their_edit_describes_them_again(study):
    stages = YAML(typ="safe").load(study.read_text())["stages"]
    if any("data/code/own/" in str(stage.get("deps")) for stage in stages.values()):
        assert {file.name for file in study.parent.glob("*.py")} <= set(stages["code"]["deps"])
