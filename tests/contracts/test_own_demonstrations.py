"""Demonstrations of somebody else, with nobody to ask: imported, learned from and judged, small, each stage in this process."""

import json

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import call_pipeline
from tests.toys import ROOT
from understudy.rollouts.parquet import read_recording

POLICIES = {
    "mlp": {
        "family": "mlp",
        "model": {"hidden_dim": 8, "num_layers": 1},
        "play": {},
        "best_returns": None,
        "training": {},
    }
}
SMALL = {
    "environment": {"id": "CartPole-v1", "kwargs": {"max_episode_steps": 30}},
    "options": {"count": 2, "iterations": 2, "restarts": 1},
    "training": {"threads": 1, "steps": 2, "batch_size": 2, "chunk_length": 4, "evaluate_every": 1},
    "evaluation": {"episodes": 6, "block_size": 3},
    "comparison": {"resamples": 100},
    "compute": {"device": "cpu", "workers": 1},
}


def write_demonstrations(path) -> None:
    """Twelve episodes of 30 steps, each of which pays one: as good as the environment allows."""
    steps, length = 360, 30
    ends = np.arange(1, steps + 1) % length == 0
    generator = np.random.default_rng(0)
    np.savez(
        path,
        observations=generator.normal(size=(steps, 4)),
        actions=generator.integers(2, size=steps),
        rewards=np.ones(steps),
        terminals=np.zeros(steps, bool),
        timeouts=ends,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder in which the pipeline has run without an expert."""
    folder, yaml = tmp_path_factory.mktemp("project"), YAML(typ="safe", pure=True)
    content = yaml.load(ROOT / "params.yaml")
    for section, values in SMALL.items():
        content[section] |= values
    del content["expert"], content["rollouts"]
    content |= {"policies": POLICIES, "demonstrations": {"path": "demos.npz", "format": "npz"}}
    yaml.dump(content, folder / "params.yaml")
    write_demonstrations(folder / "demos.npz")
    call_pipeline(folder, POLICIES, without_expert=True)
    return folder


def test_the_score_counts_from_random_to_what_the_demonstrations_returned(project):
    summary = json.loads((project / "metrics/summary.json").read_text())
    assert set(summary) == {"demonstrations", "random", "mlp"}
    assert "score" not in summary["demonstrations"]
    assert summary["demonstrations"]["return_mean"] == 30
    returns = {name: summary[name]["return_mean"] for name in ("random", "mlp")}
    expected = (returns["mlp"] - returns["random"]) / (30 - returns["random"])
    assert summary["mlp"]["score"] == pytest.approx(expected)
    assert summary["random"]["score"] == 0


def test_nobody_is_agreed_with_and_nobody_else_has_acted(project):
    summary = json.loads((project / "metrics/summary.json").read_text())
    assert summary["mlp"]["on_policy_agreement"] is None
    assert summary["mlp"]["action_accuracy"] is not None
    assert not (project / "models/expert").exists()
    assert not (project / "data/evaluation/expert").exists()
    assert read_recording(project / "data/raw").demonstrator == "imported"
