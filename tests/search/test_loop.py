"""A search as its stage runs it: interrupted and resumed it is the undisturbed one, and its best trial is what is trained."""

import json
import os
import re
import shutil
import sys

import pytest
import torch
from ruamel.yaml import YAML

from tests.builders import call_stage, refused
from tests.contracts.small_pipeline import set_params
from tests.improvement.test_run import params
from tests.killed import killed_after
from tests.search.projects import TRIALS, make_project, run, write_search
from understudy.cli.search import apply_best
from understudy.errors import DataError, ParameterError
from understudy.search import origin
from understudy.search.loop import resumed
from understudy.search.trial import COMPLETE, Trial, write_trials
from understudy.training.run import TrainingRun
from understudy.utils.jsonfile import sha256


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("made"), os.getcwd()
    os.chdir(folder)
    make_project(folder)
    os.chdir(before)
    return folder


@pytest.fixture
def workspace(made, tmp_path, monkeypatch):
    """A copy of the toy project, which is the present folder."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(
        origin, "code_of_trials", lambda *_: ("code", {"library": "1.0"})
    )  # which takes a second to find
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    write_search(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)


def trials():
    return json.loads(TRIALS.read_text())["trials"]


MOMENTS = {
    "while the first trial trains": ("training.loop.save", 1),
    "when it has just been trained": ("training.loop.save", 1),
    "before the second trial plays": ("search.run_trial.sha256", 2),
    "between the third and the fourth": ("search.loop.write_trials", 2),
    "before the fourth is given up": ("training.loop.save", 1),
}


@pytest.mark.parametrize(("sampler", "moments"), [("tpe", list(MOMENTS)), ("gp", list(MOMENTS)[2:])])
def test_killed_at_any_moment_and_started_again_the_trials_are_the_same_to_the_byte(workspace, sampler, moments):
    write_search(workspace, sampler=sampler, trials=4)
    undisturbed = run()
    shutil.rmtree("metrics")
    for moment in moments:
        killed_after(*MOMENTS[moment], run)
        shutil.copytree(".checkpoints", "waiting", dirs_exist_ok=True)
    assert run() == undisturbed
    assert list((workspace / "waiting").rglob("run.safetensors")) and not list((workspace / ".checkpoints").iterdir())


def test_more_trials_go_on_with_those_that_are_there(workspace):
    run()
    before = trials()
    write_search(workspace, trials=7)
    run()
    after = trials()
    assert (len(before), len(after), after[:5]) == (5, 7, before)
    shutil.rmtree("metrics")
    run()
    assert trials() == after


def test_the_best_trial_is_what_the_pipeline_then_trains(workspace, capsys):
    """To the bit; values of the section `training` become the policy's own, and nothing else in params.yaml changes."""
    run()
    assert "best: trial 2" in capsys.readouterr().out
    assert apply_best("mlp").startswith("params.yaml has the values of trial")
    call_stage("train_policy", policy="mlp", seed=0)
    best = max((each for each in trials() if each["value"] is not None), key=lambda each: each["value"])
    assert [sha256(workspace / "models/mlp/seed_0/model.safetensors")] == best["weights"]
    before = TRIALS.read_bytes()
    assert run() == before
    assert "(trial 2)" in capsys.readouterr().err  # the bar knows the best of those that were there


def test_what_came_of_other_data_and_params_is_not_used_again(workspace, capsys):
    write_search(workspace, trials=1)
    before = run()
    set_params(workspace, {"training.batch_size": 3, "sequences.seed": 1})
    call_stage("build_sequences")
    after = run()
    told = "trials.json: of other data, params, so none is used again; they are in trials.former.json"
    assert told in capsys.readouterr().err
    assert (TRIALS.parent / "trials.former.json").read_bytes() == before
    assert json.loads(after)["origin"] != json.loads(before)["origin"]


@pytest.mark.parametrize("what", ["code", "device", "libraries", "search"])
def test_no_trial_is_used_again_where_anything_is_another(tmp_path, what):
    origin = {name: {"of": name} for name in ("code", "data", "device", "libraries", "params", "search")}
    path, tried = tmp_path / "trials.json", [Trial({"x": 1}, COMPLETE, 2.5, [(3, 0.5)], [[2.0, 3.0]], ["a" * 64])]
    write_trials(path, origin, tried)
    assert resumed(path, origin) == tried
    assert resumed(path, origin | {what: {"of": "another"}}) == []
    assert not path.exists()


def test_what_is_searched_and_how_often_and_what_is_only_told_are_no_other_things(workspace, capsys):
    write_search(workspace, trials=1)
    before = run()
    set_params(workspace, {"policies.mlp.model.hidden_dim": 9, "compute.workers": 2, "training.seeds": [0, 1]})
    assert run() == before


def test_a_setting_that_does_not_work_is_noted_and_the_search_goes_on(workspace):
    """A learning rate of 1e30 ends in losses that are not finite."""
    space = {"training.learning_rate": {"choices": [0.001, 1e30]}, "model.num_layers": {"choices": [1, -1]}}
    write_search(workspace, space=space, startup_trials=10, trials=8, pruning=None)
    run()
    failed = [each for each in trials() if each["state"] == "failed"]
    problems = {re.split("[:,]", each["problem"])[0] for each in failed}
    assert problems == {"training", "policies.mlp.model.num_layers"}
    assert all(each["value"] is None and each["weights"] == [] for each in failed)


def test_a_setting_that_fails_after_an_interruption_is_noted_as_without_one(workspace, monkeypatch):
    """Its validation losses up to there, from which the sampler learns, are those of both processes."""
    real = TrainingRun.record

    def record(self, metrics):
        if self.params.learning_rate == 0.5 and self.step > 3:
            raise DataError("training: expected a finite loss, got nan at step 5")
        real(self, metrics)

    monkeypatch.setattr(TrainingRun, "record", record)
    space = {"training.learning_rate": {"choices": [0.001, 0.5]}}
    write_search(workspace, space=space, startup_trials=10, trials=6, pruning=None)
    undisturbed = run()
    assert {len(each["validation"]) for each in trials() if each["state"] == "failed"} == {1}
    shutil.rmtree("metrics")
    killed_after("training.loop.save", 3, run)
    assert run() == undisturbed


def test_a_setting_that_has_been_tried_is_not_trained_again(workspace, capsys):
    write_search(workspace, space={"model.hidden_dim": {"choices": [8, 9]}}, trials=6, pruning=None)
    run()
    assert capsys.readouterr().err.count("validation loss") == 2
    assert len(trials()) == 6


def test_a_trial_is_the_mean_over_training_seeds(workspace):
    set_params(workspace, {"training.seeds": [3, 5]})
    write_search(workspace, training_seeds=[3, 5], trials=1, objective="validation_loss", development=None)
    run()
    [one] = trials()
    assert [step for step, _ in one["validation"]] == [3, 6, 9, 12]
    assert one["value"] == (one["validation"][1][1] + one["validation"][3][1]) / 2
    assert len(set(one["weights"])) == 2 and one["returns"] == []


@pytest.mark.parametrize(
    ("kind", "changes", "says"),
    [
        (ParameterError, {"training_seeds": [0, 7]}, "mlp.training_seeds: expected some of training.seeds, [0], got 7"),
        (
            ParameterError,
            {"development": {"episodes": 2, "first_seed": 999_999, "block_size": 1}},
            "mlp.development.first_seed: expected seeds that evaluation.first_seed does not use, got 1000000, which it does",
        ),
        (
            ParameterError,
            {"space": {"model.width": {"low": 1, "high": 2}}},
            "mlp.space.model.width: expected one of policies.mlp's",
        ),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(workspace, kind, changes, says):
    write_search(workspace, **changes)
    with refused(kind, f"search.yaml: {says}"):
        run()
    assert not TRIALS.exists()


@pytest.mark.parametrize(("first", "key"), [(4_000_000, "first_seed"), (3_000_000, "evaluation_first_seed")])
def test_what_a_policy_collects_and_is_judged_by_online_is_not_for_choosing(workspace, first, key):
    online = params(first_seed=4_000_000, policy="mlp").model_dump()
    with (workspace / "params.yaml").open("a") as file:
        YAML().dump({"improvement": {"online": online}}, file)
    write_search(workspace, development={"episodes": 4, "first_seed": first, "block_size": 4})
    with refused(
        ParameterError, f"expected seeds that improvement.online.{key} does not use, got {first}, which it does"
    ):
        run()


def test_without_sequences_or_optuna_or_the_policy_there_is_a_sentence(workspace, monkeypatch):
    with refused(ParameterError, "--policy: expected one of mlp, decoder, hierarchical, got 'mpl'"):
        call_stage("search_policy", policy="mpl")
    shutil.rmtree("data/processed")
    with refused(
        DataError, "data/processed/sequences: expected sequences, found none; `dvc repro select_columns` builds them"
    ):
        run()
    monkeypatch.setitem(sys.modules, "optuna", None)
    with refused(ParameterError, "searches need optuna, which is not installed; `pip install 'understudy[search]'`"):
        run()


def test_a_first_trial_that_is_refused_says_what_is_wrong_with_params_yaml(workspace):
    set_params(workspace, {"policies.mlp.model.num_layers": 0})
    with refused(ParameterError, "policies.mlp.model.num_layers"):
        run()
