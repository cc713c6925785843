"""Which programs the Decision Transformer is set against, with which numbers, and what is said where its study has not run."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import decision_transformer
from benchmarks.decision_transformer import Study
from benchmarks.settings import FULL, QUICK
from tests.toys import ROOT
from understudy.errors import ParameterError
from understudy.params.whole import load_params

PARAMS = load_params(ROOT / "studies/returns/lander/params.yaml")
OUTPUTS = ("processed/sequences", "raw", "evaluation/expert", "evaluation/random")


def made(folder: Path) -> Study:
    """The study as if it had run in this folder."""
    outputs = [f"data/{name}" for name in OUTPUTS]
    for seed in PARAMS.training.seeds:
        outputs += [f"data/evaluation/dt/seed_{seed}", f"models/dt/seed_{seed}"]
    for output in outputs:
        (folder / output).mkdir(parents=True, exist_ok=True)
    return Study(folder, PARAMS)


def with_target(study: Study, target: object) -> Study:
    """Acting for another return."""
    policies = PARAMS.policies.root | {
        "dt": PARAMS.policies.named("dt").model_copy(update={"play": {"target_return": target}})
    }
    params = study.params.model_copy(update={"policies": PARAMS.policies.model_copy(update={"root": policies})})
    return replace(study, params=params)


def option(program, name: str) -> str:
    return program.arguments[program.arguments.index(name) + 1]


def test_all_learn_from_the_same_recordings_at_the_same_sizes(tmp_path):
    programs = decision_transformer.training(FULL, made(tmp_path)).programs
    for name, value in {"--rows": "64", "--length": "20", "--batches": "100", "--threads": "2"}.items():
        assert {option(program, name) for program in programs.values()} == {value}
    assert option(programs["ours"], "--run") == str(tmp_path)
    assert {option(programs[peer], "--raw") for peer in ("d3rlpy", "hf")} == {str(tmp_path / "data/raw")}


def test_ours_is_also_set_beside_them_without_what_they_do_not_learn(tmp_path):
    group = decision_transformer.training(FULL, made(tmp_path))
    assert json.loads(option(group.programs["ours alike"], "--model")) == {"return_bins": 0}
    assert "--model" not in group.programs["ours"].arguments
    pairs = [(row.ours, row.theirs) for row in group.comparisons]
    assert pairs == [("ours", "d3rlpy"), ("ours", "hf"), ("ours alike", "d3rlpy"), ("ours alike", "hf")]


def test_peers_learn_with_kzls_settings_as_many_steps_as_ours_and_are_asked_for_the_same(tmp_path):
    group = decision_transformer.returns(FULL, made(tmp_path))
    assert group.rounds == len(PARAMS.training.seeds) == 5
    for peer in ("d3rlpy", "hf"):
        hyperparameters = json.loads(option(group.programs[peer], "--hyperparameters"))
        assert (hyperparameters["steps"], hyperparameters["warmup_steps"]) == (1600, 160)  # those of dt's own block
        expected = {"context": 20, "num_layers": 3, "num_heads": 1, "embed_dim": 128, "dropout": 0.1, "batch_size": 64}
        assert expected.items() <= hyperparameters.items()
        assert (
            float(option(group.programs[peer], "--target-return")) == PARAMS.policies.named("dt").play["target_return"]
        )
        assert option(group.programs[peer], "--first-seed") == str(PARAMS.evaluation.first_seed)
        assert option(group.programs[peer], "--episodes") == "200"


def test_the_longer_ones_take_ten_times_as_many_steps(tmp_path):
    group = decision_transformer.returns_longer(FULL, made(tmp_path))
    hyperparameters = json.loads(option(group.programs["hf"], "--hyperparameters"))
    assert (group.rounds, hyperparameters["steps"], hyperparameters["warmup_steps"]) == (FULL.seeds, 16_000, 1600)


def test_a_target_that_is_a_quantile_is_one_of_the_training_returns(tmp_path, monkeypatch):
    task = SimpleNamespace(return_quantiles=(0.0, 100.0, 300.0))
    sequences = SimpleNamespace(interface=SimpleNamespace(task=task))
    monkeypatch.setattr(decision_transformer, "open_sequences", lambda folder, split: sequences)
    assert with_target(made(tmp_path), {"quantile": 0.75}).target_return() == 200.0


def test_a_target_that_peers_do_not_know_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"policies\.dt\.play\.target_return: expected a number .*, got 'expert'$"):
        with_target(made(tmp_path), "expert").target_return()


def test_where_the_study_has_not_run_the_rows_say_what_is_missing(tmp_path):
    study = Study(tmp_path, PARAMS)
    groups = [decision_transformer.training(QUICK, study), decision_transformer.playing(QUICK, study, ("float32",))]
    groups += [decision_transformer.returns(QUICK, study), decision_transformer.returns_longer(QUICK, study)]
    missing = ["data/processed/sequences", "models/dt/seed_0"] + ["data/processed/sequences"] * 2
    for group, path in zip(groups, missing, strict=True):
        assert group.programs == {}
        assert set(group.left_out.values()) == {f"`dvc repro` in {tmp_path} has not made {path} yet"}
