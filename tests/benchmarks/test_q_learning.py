"""What our learning of action values is set against, with which numbers, and what is said where its study has not run."""

import json
from pathlib import Path

from benchmarks import q_learning
from benchmarks.decision_transformer import Study
from benchmarks.settings import FULL, QUICK
from tests.benchmarks.test_decision_transformer import option
from tests.toys import ROOT
from understudy.params.whole import load_params

PARAMS = load_params(ROOT / "studies/improve/mediocre/params.yaml")
OUTPUTS = ("data/processed/sequences", "data/raw", "data/evaluation/expert", "data/evaluation/random")


def made(folder: Path) -> Study:
    """The study as if it had run in this folder."""
    outputs = list(OUTPUTS)
    for seed in PARAMS.training.seeds:
        outputs += [f"data/evaluation/q/seed_{seed}", f"improved/scratch_ucb/seed_{seed}"]
    for output in outputs:
        (folder / output).mkdir(parents=True, exist_ok=True)
    return Study(folder, PARAMS)


def test_a_step_of_theirs_has_as_many_transitions_as_one_of_ours(tmp_path):
    programs = q_learning.q_training(FULL, made(tmp_path)).programs
    ours, theirs = programs["ours"], json.loads(option(programs["d3rlpy"], "--hyperparameters"))
    assert theirs["batch_size"] == int(option(ours, "--rows")) * int(option(ours, "--length")) == 512
    model = PARAMS.policies.named("q").model
    assert (theirs["gamma"], theirs["n_critics"]) == (model["discount"], model["num_heads_of_values"])
    assert theirs["target_update_interval"] * model["target_rate"] == 1
    assert (theirs["steps"], option(ours, "--batches"), option(programs["d3rlpy"], "--episodes")) == (100, "100", "0")


def test_the_decoder_that_it_is_set_beside_has_the_same_sizes_and_batches(tmp_path):
    programs = q_learning.q_training(FULL, made(tmp_path)).programs
    learner, imitator = (PARAMS.policies.named(option(programs[each], "--policy")) for each in ("ours", "decoder"))
    assert (learner.family, imitator.family) == ("q_transformer", "action_transformer")
    sizes = ("embed_dim", "num_layers", "num_heads", "hidden_dim", "context")
    assert [learner.model[size] for size in sizes] == [imitator.model[size] for size in sizes]
    given = ("--rows", "--length", "--batches", "--threads", "--precision")
    assert [option(programs["ours"], each) for each in given] == [option(programs["decoder"], each) for each in given]


def test_scores_are_of_as_many_steps_on_the_same_seeds(tmp_path):
    group = q_learning.q_returns(FULL, made(tmp_path))
    theirs = group.programs["d3rlpy"]
    assert (group.rounds, group.by_request) == (5, True)
    assert json.loads(option(theirs, "--hyperparameters"))["steps"] == PARAMS.training.steps
    assert option(theirs, "--first-seed") == str(PARAMS.evaluation.first_seed)
    assert option(theirs, "--episodes") == option(group.programs["ours"], "--episodes") == "200"


def test_online_the_budget_is_the_same(tmp_path):
    speed, scores = q_learning.q_online(FULL, made(tmp_path)), q_learning.q_online_returns(FULL, made(tmp_path))
    assert {option(program, "--steps") for program in speed.programs.values()} == {"10000"}
    assert option(scores.programs["sb3"], "--steps") == str(PARAMS.improvement.named("scratch_ucb").steps)
    assert (scores.rounds, scores.by_request, speed.by_request) == (5, True, False)


def test_where_the_study_has_not_run_the_rows_say_what_is_missing(tmp_path):
    study = Study(tmp_path, PARAMS)
    names = (q_learning.q_training, q_learning.q_online, q_learning.q_returns, q_learning.q_online_returns)
    missing = ["data/processed/sequences"] * 3 + ["improved/scratch_ucb/seed_0"]
    for make, path in zip(names, missing, strict=True):
        group = make(QUICK, study)
        assert group.programs == {}
        assert set(group.left_out.values()) == {f"`dvc repro` in {tmp_path} has not made {path} yet"}
