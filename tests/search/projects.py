"""A toy project with sequences of CartPole, in which trials take a tenth of a second.

make_project(folder)        -- params.yaml, and sequences of random episodes
write_search(folder, ...)   -- search.yaml with a block for the policy mlp
run()                       -- the search, in this process and in the present folder; the bytes of trials.json
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.builders import call_stage, random_episodes, written_recording
from tests.contracts.small_pipeline import ROOT, SMALL, set_params
from understudy import read_environment

CART_POLE = read_environment("CartPole-v1")
TRIALS = Path("metrics/search/mlp/trials.json")
BLOCK = {
    "seed": 0,
    "sampler": "tpe",
    "trials": 5,
    "startup_trials": 2,
    "training_seeds": [0],
    "objective": "return",
    "development": {"episodes": 4, "first_seed": 2_000_000, "block_size": 4},
    "pruning": {"percentile": 50.0, "startup_trials": 1, "warmup_steps": 3},
    "space": {
        "training.learning_rate": {"low": 1.0e-4, "high": 1.0e-1, "log": True},
        "model.hidden_dim": {"low": 4, "high": 16},
        "best_returns": {"choices": [None, 0.5]},
    },
}


def make_project(folder: Path, lengths: Sequence[int] = (20, 30, 25, 40, 35, 15)) -> None:
    """Make the project in an existing folder, which must be the present one."""
    shutil.copy(ROOT / "params.yaml", folder)
    toy = {
        "policies.mlp.model.hidden_dim": 8,
        "policies.mlp.model.num_layers": 1,
        "compute.workers": 1,
        "policies.mlp.training": {},
    }
    set_params(folder, SMALL | toy)
    written_recording(folder / "data/raw", CART_POLE, random_episodes(CART_POLE, lengths))
    call_stage("build_sequences")


def write_search(folder: Path, **changes: Any) -> None:
    """Write search.yaml with a block for the policy mlp."""
    YAML().dump({"mlp": BLOCK | changes}, folder / "search.yaml")


def run() -> bytes:
    """Search for hyperparameters of the policy mlp."""
    call_stage("search_policy", policy="mlp")
    return TRIALS.read_bytes()
