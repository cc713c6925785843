"""The whole pipeline on an environment of several agents, small, each stage called in this process."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from tests.builders import call_pipeline, call_stage, refused
from tests.toys import ROOT
from understudy.errors import ParameterError
from understudy.rollouts.parquet import read_recording

TRANSFORMER = {
    "embed_dim": 8,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 16,
    "max_seq_len": 8,
    "context": 2,
}
POLICIES = {
    "mlp": {"family": "mlp", "model": {"hidden_dim": 8, "num_layers": 1}},
    "apart": {"family": "multi_agent", "model": TRANSFORMER | {"max_num_agents": 3, "attend_between_agents": False}},
    "together": {"family": "multi_agent", "model": TRANSFORMER | {"max_num_agents": 3}},
    "hierarchical": {"family": "hierarchical", "model": TRANSFORMER},
}
SMALL = {
    "environment": {"id": "mpe2.simple_spread_v3", "kwargs": {"N": 2, "max_cycles": 6}},
    "expert": {"algorithm": "scripted"},
    "rollouts": {"episodes": 6, "block_size": 3},
    "options": {"count": 2, "iterations": 2, "restarts": 1},
    "training": {"threads": 1, "steps": 2, "batch_size": 2, "chunk_length": 4, "evaluate_every": 1},
    "evaluation": {"episodes": 4, "block_size": 2},
    "comparison": {"resamples": 100, "differences": [["together", "apart"]]},
    "compute": {"device": "cpu", "workers": 1},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder in which the pipeline has run."""
    folder, yaml = tmp_path_factory.mktemp("project"), YAML(typ="safe", pure=True)
    content = yaml.load(ROOT / "params.yaml")
    for section, values in SMALL.items():
        content[section] |= values
    content["policies"] = {
        name: {**block, "play": {}, "best_returns": None, "training": {}} for name, block in POLICIES.items()
    }
    yaml.dump(content, folder / "params.yaml")
    call_pipeline(folder, POLICIES)
    return folder


def test_the_summary_has_every_policy_and_the_difference(project):
    summary = json.loads((project / "metrics" / "summary.json").read_text())
    assert set(summary) == {"expert", "random", *POLICIES, "differences"}
    assert (summary["expert"]["score"], summary["random"]["score"]) == (1.0, 0.0)
    assert summary["expert"]["length_mean"] == 6.0
    [[pair, difference]] = summary["differences"].items()
    assert pair == "together - apart"
    expected = summary["together"]["score"] - summary["apart"]["score"]
    assert difference["gain"] == pytest.approx(expected)
    assert difference["gain_ci_low"] <= difference["gain"] <= difference["gain_ci_high"]


def test_recordings_have_a_row_an_agent(project):
    for folder in ("data/raw", "data/evaluation/random", "data/evaluation/together/seed_0"):
        agents = pq.read_table(project / folder / "steps.parquet")["agent"].to_numpy()
        recording = read_recording(project / folder)
        assert recording.spec.num_agents == 2
        assert agents.tolist() == [0, 1] * (len(agents) // 2)
        paid = recording.steps["reward"].astype(np.float64).reshape(-1, 12).sum(axis=1) / 2
        np.testing.assert_allclose(recording.episodes["return"], paid, rtol=1e-6)


def test_the_expert_has_no_weights_and_an_empty_curve(project):
    curve = (project / "models" / "expert" / "learning_curve.csv").read_text().split()
    assert curve == ["steps,episodes,return_mean,length_mean"]


def test_room_for_fewer_agents_is_refused_before_training(project, monkeypatch):
    monkeypatch.chdir(project)
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("max_num_agents: 3", "max_num_agents: 1"))
    before = (project / "models" / "together" / "seed_0" / "policy.json").read_bytes()
    try:
        message = "policies.together.model.max_num_agents: expected at least the 2 agents there are, got 1"
        with refused(ParameterError, message):
            call_stage("train_policy", policy="together", seed=0)
    finally:
        (project / "params.yaml").write_text(text)
    assert (project / "models" / "together" / "seed_0" / "policy.json").read_bytes() == before
