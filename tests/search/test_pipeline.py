"""Trials as experiments of DVC: what is asked of it, and what is read of what it leaves. DVC itself is not run here."""

import hashlib
import io
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import refused
from tests.search.projects import BLOCK, make_project, write_search
from understudy.errors import DataError, ParameterError
from understudy.params.project import load_project
from understudy.params.search import SearchParams
from understudy.search import pipeline

SPACE = {"sequences.demonstrations": {"choices": [None, 5]}, "training.learning_rate": {"low": 1e-4, "high": 1e-1}}
FIRST = {"sequences.demonstrations": None, "training.learning_rate": 0.001}


def search(**changes):
    return SearchParams(**(BLOCK | {"space": SPACE, "pruning": None} | changes))


@pytest.fixture
def asked(monkeypatch):
    """What DVC is asked to do; each trial returns its number and one more, or fails where a learning rate is 0.05."""
    commands = []

    def call(*words):
        commands.append(words)
        fails = any(word.endswith("learning_rate=0.05") for word in words)
        return subprocess.CompletedProcess(words, int(fails), "", "ERROR: failed\n" if fails else "")

    def read(path, revision):
        if path.endswith(".safetensors"):
            return b"weights"
        file = io.BytesIO()
        pq.write_table(pa.table({"seed": [1, 2], "return": [3.0, 4.0]}), file)
        return file.getvalue()

    monkeypatch.setattr(pipeline, "_dvc", call)
    monkeypatch.setattr(pipeline, "_read", read)
    monkeypatch.setattr(pipeline, "_revision", lambda experiment: "abc" if commands else None)
    return commands


def test_a_trial_is_an_experiment_on_the_development_seeds(asked):
    trial = pipeline.run_experiment("mlp", search(), [], FIRST)
    assert asked == [
        (
            *("exp", "run", "--temp", "--quiet", "--name", "search-mlp-0"),
            *("--set-param", "++sequences.demonstrations=null"),
            *("--set-param", "++policies.mlp.training.learning_rate=0.001"),
            *("--set-param", "++evaluation.episodes=4"),
            *("--set-param", "++evaluation.first_seed=2000000"),
            *("--set-param", "++evaluation.block_size=4"),
            "evaluate_policy@mlp-0",
        )
    ]
    assert (trial.state, trial.value, trial.returns) == ("complete", 3.5, [[3.0, 4.0]])
    assert trial.weights == [hashlib.sha256(b"weights").hexdigest()]


def test_an_experiment_that_an_interrupted_search_has_left_is_replaced(asked):
    asked.append(("before",))
    pipeline.run_experiment("mlp", search(), [], FIRST)
    assert [words[:2] for words in asked[1:]] == [("exp", "remove"), ("exp", "run")]


def test_a_pipeline_that_fails_is_a_failed_trial_unless_it_is_the_first(asked):
    values = FIRST | {"training.learning_rate": 0.05}
    with refused(
        DataError, "dvc exp run: expected the pipeline to run with the values of params.yaml", "ERROR: failed"
    ):
        pipeline.run_experiment("mlp", search(), [], values)
    trial = pipeline.run_experiment("mlp", search(), [pipeline.Trial(FIRST)], values)
    assert (trial.state, trial.value, trial.problem) == ("failed", None, "ERROR: failed")


def test_any_key_of_params_yaml_may_be_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_project(tmp_path)
    write_search(tmp_path)
    project = load_project(Path("params.yaml"))
    assert pipeline.first_values("mlp", project, search()) == FIRST
    with refused(
        ParameterError, "search.yaml: mlp.space.sequences.demos: expected a key of params.yaml, got an unknown one"
    ):
        pipeline.first_values("mlp", project, search(space={"sequences.demos": {"low": 1, "high": 2}}))
    with refused(ParameterError, "mlp.space.options.count: expected a range that holds 2, the value in params.yaml"):
        pipeline.first_values("mlp", project, search(space={"options.count": {"low": 3, "high": 4}}))
    with refused(ParameterError, "mlp.pruning: expected null with --pipeline"):
        pipeline.first_values("mlp", project, search(pruning=BLOCK["pruning"]))
