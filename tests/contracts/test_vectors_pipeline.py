"""The whole pipeline where actions are vectors and a component of the state is hidden; each stage in this process."""

import json
import shutil

import numpy as np
import pytest

from tests.builders import call_pipeline
from tests.contracts.small_pipeline import ROOT, SMALL, set_params
from understudy.policies.files import load_trained
from understudy.rollouts.parquet import read_recording

STUDENTS = ("mlp", "decoder", "hierarchical")


@pytest.fixture(scope="module")
def project(made_once):
    """A folder in which the pipeline has run on a pendulum whose velocity students do not see."""

    def make(folder):
        shutil.copy(ROOT / "params.yaml", folder)
        pendulum = {
            "environment.id": "Pendulum-v1",
            "environment.kwargs": {"max_episode_steps": 40},
            "expert.total_steps": 8192,
            "sequences.hide": ["observation_2"],
        }
        set_params(folder, SMALL | pendulum)
        call_pipeline(folder, STUDENTS)

    return made_once("vectors", make)


def test_every_policy_acts_in_vectors_within_bounds(project):
    for name in ("expert", "random", *(f"{student}/seed_0" for student in STUDENTS)):
        actions = read_recording(project / "data" / "evaluation" / name).steps["action"]
        assert actions.dtype == np.float32
        assert actions.shape[1:] == (1,)
        assert np.abs(actions).max() <= 2
        assert name != "random" or np.abs(actions).max() > 1.9


def test_students_do_not_see_what_is_hidden_and_the_expert_does(project):
    everything = ("observation_0", "observation_1", "observation_2")
    assert load_trained(project / "models" / "expert").task.visible_components == everything
    for name in STUDENTS:
        assert load_trained(project / "models" / name / "seed_0").task.visible_components == everything[:2]


@pytest.mark.parametrize("name", ["decoder", "hierarchical"])
def test_where_a_component_is_hidden_state_tokens_carry_differences(project, name):
    policy = load_trained(project / "models" / name / "seed_0")
    assert policy.config["state_differences"] == 1
    assert policy.model.embed_state.window.orders == 1


def test_the_summary_judges_all_of_them(project):
    summary = json.loads((project / "metrics" / "summary.json").read_text())
    assert set(summary) == {"expert", "random", *STUDENTS}
    assert all(np.isfinite(entry["score"]) for entry in summary.values())


def test_again_elsewhere_and_with_another_number_of_workers_it_writes_the_same_bytes(project, tmp_path):
    shutil.copy(project / "params.yaml", tmp_path)
    set_params(tmp_path, {"compute.workers": 1})
    call_pipeline(tmp_path, STUDENTS)
    written = [contents(folder, ("data", "models", "metrics")) for folder in (project, tmp_path)]
    assert {"data/raw/steps.parquet", "models/decoder/seed_0/model.safetensors", "metrics/summary.json"} <= set(
        written[0]
    )
    assert written[0].keys() == written[1].keys()
    assert [name for name in written[0] if written[0][name] != written[1][name]] == []


def contents(folder, names):
    """The bytes of every file below these folders of a folder."""
    files = [path for name in names for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
