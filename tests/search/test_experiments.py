"""A search over the pipeline's stages by DVC's own experiments; under `make verify`, since it takes minutes."""

import hashlib
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.contracts.small_pipeline import commit, copy_project, run, set_params
from tests.search.projects import BLOCK, TRIALS

SPACE = {"sequences.demonstrations": {"choices": [None, 4]}, "training.learning_rate": {"low": 1e-4, "high": 1e-1}}


def search(folder: Path, trials: int) -> bytes:
    """Search, `trials` in all; the bytes of trials.json."""
    YAML().dump({"mlp": BLOCK | {"space": SPACE, "pruning": None, "trials": trials}}, folder / "search.yaml")
    run(folder, "python", "-m", "understudy", "search", "mlp", "--pipeline", PYTHONPATH=str(folder / "src"))
    return (folder / TRIALS).read_bytes()


@pytest.mark.slow
def test_a_search_by_experiments_goes_on_to_the_same_bytes_and_its_best_trial_is_what_the_pipeline_makes(tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    found = []
    for folder, steps in ((once, (3,)), (twice, (1, 3))):
        folder.mkdir()
        copy_project(folder)
        set_params(folder, {"policies.mlp.model.hidden_dim": 8})
        commit(folder, "A small policy")
        found.append([search(folder, trials) for trials in steps][-1])
    assert found[0] == found[1]
    trials = json.loads(found[0])["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 3
    assert trials[0]["values"]["sequences.demonstrations"] is None
    assert len({trial["weights"][0] for trial in trials}) == 3
    run(once, "python", "-m", "understudy", "search", "mlp", "--pipeline", "--apply", PYTHONPATH=str(once / "src"))
    development = {f"evaluation.{key}": value for key, value in BLOCK["development"].items()}
    set_params(once, development)
    run(once, "dvc", "repro", "evaluate_policy@mlp-0")
    best = max(trials, key=lambda trial: trial["value"])
    assert [hashlib.sha256((once / "models/mlp/seed_0/model.safetensors").read_bytes()).hexdigest()] == best["weights"]
