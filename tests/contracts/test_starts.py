"""The weights that a policy starts from are a dependency: DVC is asked what is left to do when they change.

The stages are the root's own, in a project of their own whose data lie there already.
"""

import shutil

import pytest
from ruamel.yaml import YAML

from tests.builders import CHOICES, PARAMETERS, random_episodes, written_store
from tests.contracts.small_pipeline import dvc, set_params, stages_to_rerun
from tests.imports import ROOT
from tests.toys import CONFIGS, tiny_policy
from understudy.policies.files import save_policy
from understudy.utils.jsonfile import write_json

pytestmark = pytest.mark.pipeline

MLP = {"family": "mlp", "model": CONFIGS["mlp"], "play": {}, "best_returns": None, "training": {}}
START = {"starts_from": "../other/models/mlp", "starts_as": "Toy-v0"}
STAGES = ("select_columns", "train_policy")


def write_weights(folder, seed):
    folder.mkdir(parents=True, exist_ok=True)
    save_policy(tiny_policy("mlp", CHOICES, seed=seed), folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of a policy from scratch, and of one that starts from another project's."""
    place = tmp_path_factory.mktemp("projects")
    folder = place / "own"
    write_weights(place / "other/models/mlp/seed_0", 0)
    store = written_store(place / "store", CHOICES, random_episodes(CHOICES, [9, 12, 8]))
    shutil.copytree(store, folder / "data/processed/sequences")
    write_json(folder / "data/processed/options/options.json", {})
    write_json(folder / "data/code/select_columns.json", described({"tuned": START}))
    for name in ("plain", "tuned"):
        write_json(folder / f"data/code/train_policy/{name}.json", {})
    training = {"seeds": [0], "threads": 1, "steps": 4, "batch_size": 2, "chunk_length": 6, "evaluate_every": 2}
    policies = {"plain": MLP, "tuned": MLP | START}
    params = {
        "training": PARAMETERS["training"] | training,
        "policies": policies,
        "compute": {"device": "cpu", "workers": 1},
    }
    yaml = YAML()
    yaml.dump(params, folder / "params.yaml")
    stages = yaml.load(ROOT / "dvc.yaml")["stages"]
    stages["select_columns"]["deps"].append("../other/models/mlp")
    content = {"vars": [{"root": str(ROOT)}], "stages": {name: stages[name] for name in STAGES}}
    yaml.dump(content, folder / "dvc.yaml")
    dvc(folder, "init", "--no-scm", "--quiet")
    dvc(folder, "repro")
    return folder


def described(of_data):
    return {"reads": {name: ["label", "observation"] for name in ("plain", "tuned")}, "of_data": of_data}


def test_what_people_read_beside_the_weights_trains_nothing_anew(project):
    assert stages_to_rerun(project) == set()
    (project.parent / "other/models/mlp/seed_0/README.md").write_text("edited")
    dvc(project, "repro", "select_columns")
    assert stages_to_rerun(project) == set()


def test_other_weights_train_anew_what_starts_from_them_and_nothing_else(project):
    write_weights(project.parent / "other/models/mlp/seed_0", 1)
    assert "select_columns" in stages_to_rerun(project)
    dvc(project, "repro", "select_columns")
    assert stages_to_rerun(project) == {"train_policy@tuned-0"}


def test_another_number_of_demonstrations_trains_that_policy_anew(project):
    """The stage code, which is not here, tells of it."""
    before = stages_to_rerun(project)
    set_params(project, {"policies.plain": MLP | {"demonstrations": 1}})
    write_json(project / "data/code/select_columns.json", described({"plain": {"demonstrations": 1}, "tuned": START}))
    dvc(project, "repro", "select_columns")
    assert stages_to_rerun(project) - before == {"train_policy@plain-0"}
