"""The whole pipeline, small, on a recording of mixed quality: who played, who learns from the best, who acts for a return.

Each stage is called in this process.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import call_pipeline, call_stage, refused
from tests.contracts.small_pipeline import ROOT, SMALL, set_params
from understudy.cli.main import main
from understudy.errors import ParameterError
from understudy.policies.files import load_trained
from understudy.rollouts.parquet import read_recording

PLAYERS = [
    {"snapshot": 1.0, "episodes": 4, "noise": 1.0},
    {"snapshot": 0.5, "episodes": 6, "noise": 0.25},
    {"snapshot": 1.0, "episodes": 10, "noise": 0.0},
]
NAMES = ("expert, noise 1", "snapshot 0.5, noise 0.25", "expert")


@pytest.fixture(scope="module")
def project(made_once, tmp_path_factory):
    """A folder in which the pipeline has run on such a recording."""
    return shutil.copytree(made_once("mixed", make_project), tmp_path_factory.mktemp("copy") / "mixed")


def make_project(folder):
    """Set out one that has all of them as players and students, and run the pipeline in it."""
    shutil.copy(ROOT / "params.yaml", folder)
    mixed = {"expert.snapshots": [0.5], "rollouts.players": PLAYERS, "rollouts.episodes": 20}
    set_params(folder, SMALL | mixed)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    policies = params["policies"]
    decoder, mlp = policies["decoder"], policies["mlp"]
    sizes = {name: value for name, value in decoder["model"].items() if name != "value_weight"}
    small = {name: value for name, value in mlp["model"].items() if name != "value_weight"}
    for name in ("mlp", "decoder", "hierarchical"):
        del policies[name]
    policies["best"] = {**mlp, "best_returns": 0.5}
    policies["rvs"] = {
        "family": "rvs",
        "model": small,
        "play": {"target_return": 50.0},
        "best_returns": None,
        "training": {},
    }
    policies["dt"] = {
        "family": "decision_transformer",
        "model": {**sizes, "return_bins": 8},
        "play": {
            "target_return": {"quantile": 0.9},
            "variants": {"expert": {"target_return": "expert", "kappa": 5.0}},
        },
        "best_returns": None,
        "training": {},
    }
    trunk = {name: sizes[name] for name in ("embed_dim", "num_layers", "num_heads", "hidden_dim", "max_seq_len")}
    variants = {
        "planning": {"decoding": "return", "horizon": 2, "beam_width": 2},
        "drawn": {"decoding": "sample"},
    }
    policies["tt"] = {
        "family": "trajectory_transformer",
        "model": {**trunk, "context": 2, "num_bins": 8},
        "play": {"variants": variants},
        "best_returns": None,
        "training": {"batch_size": 2},
    }
    params["comparison"] |= {"baseline": "best", "differences": [["tt/planning", "tt"]]}
    yaml.dump(params, folder / "params.yaml")
    call_pipeline(folder, policies)


@pytest.fixture
def inside(project, monkeypatch):
    """The folder, as the present one; its params.yaml is put back when a test is done with it."""
    before = (project / "params.yaml").read_text()
    monkeypatch.chdir(project)
    yield project
    (project / "params.yaml").write_text(before)


def contents(folder):
    """All files below it."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_workers_record_and_judge_what_one_does(inside):
    """Players, targets, an expert's returns, plans and draws by the episode's seed."""
    folders = [Path("data/raw"), *(Path("data/evaluation") / name / "seed_0" for name in ("dt", "tt"))]
    before = [contents(folder) for folder in folders]
    set_params(inside, {"compute.workers": 2})
    call_stage("record_rollouts")
    for name in ("dt", "tt"):
        call_stage("evaluate_policy", policy=name, seed=0)
    assert [contents(folder) for folder in folders] == before


def test_the_recording_says_who_played(project):
    recording = read_recording(project / "data/raw")
    assert recording.players == NAMES
    assert np.bincount(recording.episodes["player"]).tolist() == [4, 6, 10]
    assert (np.diff(recording.episodes["seed"]) == 1).all()
    np.testing.assert_array_equal(recording.steps["action"], recording.steps["demonstrated_action"])
    means = [recording.episodes["return"][recording.episodes["player"] == player].mean() for player in range(3)]
    assert means[0] < means[2]


def test_what_the_training_episodes_returned_travels_with_store_and_policy(project):
    store = json.loads((project / "data/processed/sequences/store.json").read_text())
    [task] = store["interface"]["tasks"]
    quantiles = task["return_quantiles"]
    recorded = read_recording(project / "data/raw").episodes["return"]
    assert len(quantiles) == 101
    assert recorded.min() <= quantiles[0] <= quantiles[-1] == recorded.max() or quantiles[-1] in recorded
    assert load_trained(project / "models/dt/seed_0").task.return_quantiles == tuple(quantiles)


def test_everybody_is_judged(project):
    summary = json.loads((project / "metrics/summary.json").read_text())
    assert {"best", "rvs", "dt", "dt/expert", "tt"} <= set(summary)
    card = (project / "models/best/seed_0/README.md").read_text()
    assert "the 0.5 with the highest returns" in card


def test_a_model_of_trajectories_is_judged_imitating_planning_and_drawing(project):
    summary = json.loads((project / "metrics/summary.json").read_text())
    names = ["tt", "tt/planning", "tt/drawn"]
    assert set(names) <= set(summary)
    folders = [project / "data/evaluation" / name.replace("/", "/seed_0/") for name in names[1:]]
    played = [read_recording(each) for each in (project / "data/evaluation/tt/seed_0", *folders)]
    for name, recording in zip(names, played, strict=True):
        assert summary[name]["return_mean"] == pytest.approx(recording.episodes["return"].mean())
    assert len({tuple(recording.episodes["return"]) for recording in played}) == 3
    assert "tt/planning - tt" in summary["differences"]


def test_a_model_imagines_episodes_that_the_next_stages_read(inside):
    command = ["imagine", "models/tt/seed_0", "--starts", "data/evaluation/expert"]
    with pytest.raises(SystemExit) as left:
        main([*command, "--episodes", "3", "--steps", "20", "--out", "imagined"])
    assert left.value.code == 0
    imagined = read_recording(inside / "imagined")
    assert imagined.demonstrator == "imagined by models/tt/seed_0"
    assert len(imagined.episodes["seed"]) == 3 and (imagined.episodes["length"] <= 20).all()


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ({"beam_width": 9, "horizon": 1}, "policies.tt.play.variants.planning.beam_width: expected at most"),
        ({"actions": 5}, "policies.tt.play.variants.planning.actions: expected at most the 2 that there are, got 5"),
        ({"decode": "greedy"}, "policies.tt.play.variants.planning.decode: expected one of the keys"),
    ],
)
def test_ways_to_play_that_cannot_be_are_a_sentence(inside, way, sentence):
    good = {"decoding": "return", "horizon": 2, "beam_width": 2}
    set_params(inside, {"policies.tt.play.variants.planning": good | way})
    with refused(ParameterError, sentence):
        call_stage("evaluate_policy", policy="tt", seed=0)


def test_a_target_that_was_never_seen_is_a_warning_and_none_is_a_refusal(inside):
    set_params(inside, {"policies.dt.play": {"target_return": 1e6, "variants": {}}})
    with pytest.warns(UserWarning, match=r"^target_return: 1e\+06 is outside of what the training episodes returned"):
        call_stage("evaluate_policy", policy="dt", seed=0)
    set_params(inside, {"policies.dt.play": {"target_return": float("inf"), "variants": {}}})
    with refused(ParameterError, "policies.dt.play.target_return: expected a finite number, got inf"):
        call_stage("evaluate_policy", policy="dt", seed=0)
