"""From a policy of two tasks to policies of a third that start from it, stage by stage."""

from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from tests.builders import PARAMETERS, call_stage, plays_of, refused
from understudy.environments.make import read_spec
from understudy.errors import DataError
from understudy.interface import Interface, raw_interface
from understudy.params.environment import EnvironmentParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, load_trained, save_policy
from understudy.rollouts.parquet import read_recording
from understudy.sequences.mixture import open_store
from understudy.utils.jsonfile import read_json, write_json

EXPERT = """
def balance(observation):
    return int(observation[2] + 0.5 * observation[3] > 0)
"""
MODEL = {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 32, "max_seq_len": 32, "context": 4}
BLOCK = {"family": "generalist", "model": MODEL, "play": {}, "best_returns": None, "training": {}}
START = {"starts_from": "../models/coarse", "starts_as": "CartPole-v1"}
POLICIES = {
    "zero_shot": BLOCK | START | {"demonstrations": 0},
    "tuned": BLOCK | START | {"demonstrations": 2},
    "trunk": BLOCK | {"starts_from": "../models/coarse", "demonstrations": 2},
    "scratch": BLOCK | {"demonstrations": 2},
    "shown": BLOCK
    | START
    | {
        "model": MODEL | {"prompt_steps": 4},
        "starts_from": "../models/prompted",
        "demonstrations": 0,
        "play": {"variants": {"prompt_5": {"prompt": 5}}},
    },
}
ENVIRONMENT = {"id": "CartPole-v1", "kwargs": {"max_episode_steps": 30}, "wrappers": []}
PARAMS = PARAMETERS | {
    "environment": ENVIRONMENT,
    "expert": PARAMETERS["expert"] | {"algorithm": "function", "function": {"name": "balance_pole:balance"}},
    "rollouts": PARAMETERS["rollouts"] | {"episodes": 6, "block_size": 6},
    "training": PARAMETERS["training"]
    | {"threads": 1, "steps": 6, "batch_size": 4, "chunk_length": 16, "evaluate_every": 3, "seeds": [0, 1]},
    "policies": POLICIES,
    "evaluation": PARAMETERS["evaluation"] | {"episodes": 3, "block_size": 3},
    "compute": {"device": "cpu", "workers": 1},
}
DVC = {"stages": {"select_columns": {"deps": ["../models/coarse", "../models/prompted"]}}}


def write_generalist(folder, seed, config=MODEL):
    """A generalist of CartPole-v1 and Pendulum-v1 that has learned nothing."""
    tasks = []
    for name in ("CartPole-v1", "Pendulum-v1"):
        spec = read_spec(EnvironmentParams(id=name, kwargs={}, wrappers=[]))
        tasks.append(raw_interface(spec).task)
    interface = Interface(tuple(tasks))
    torch.manual_seed(seed)
    model = build_model("generalist", config, interface, "p").eval()
    save_policy(TrainedPolicy(model, "generalist", config, interface, {}), folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with demonstrations, beside the generalist's, in which all policies have been trained."""
    study = tmp_path_factory.mktemp("study")
    origin, prompted, folder = study / "models/coarse/seed_0", study / "models/prompted/seed_0", study / "short_pole"
    for each in (origin, prompted, folder):
        each.mkdir(parents=True)
    write_generalist(origin, 5)
    write_generalist(prompted, 5, MODEL | {"prompt_steps": 4})
    (folder / "balance_pole.py").write_text(EXPERT)
    YAML().dump(PARAMS, folder / "params.yaml")
    YAML().dump(DVC, folder / "dvc.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        for stage in ("train_expert", "record_rollouts", "build_sequences"):
            call_stage(stage)
        reads = {name: ["action", "label", "observation", "task"] for name in POLICIES}
        of_data = {name: {k: v for k, v in block.items() if k not in BLOCK} for name, block in POLICIES.items()}
        write_json(folder / "data/code/select_columns.json", {"reads": reads, "of_data": of_data})
        call_stage("select_columns")
        for name in POLICIES:
            call_stage("train_policy", policy=name, seed=0)
        yield folder


@pytest.fixture(autouse=True)
def inside(project, monkeypatch):
    monkeypatch.chdir(project)


def folder_of(name):
    return Path("models") / name / "seed_0"


def trained(name):
    return load_trained(folder_of(name))


def test_without_demonstrations_it_is_the_other_one_in_another_environment(project):
    other, own = load_trained(project.parent / "models/coarse/seed_0"), trained("zero_shot")
    assert own.task.environment.kwargs == {"max_episode_steps": 30}
    assert own.task.scales == other.interface.tasks[0].scales
    theirs = other.model.state_dict()
    assert torch.equal(own.model.state_dict()["tokens.task_vectors"], theirs["tokens.task_vectors"][:1])
    assert torch.equal(own.model.state_dict()["head.mean.maps.0.weight"], theirs["head.mean.maps.0.weight"])
    assert (folder_of("zero_shot") / "learning_curve.csv").read_text() == "step,train_loss,validation_loss\n"
    call_stage("evaluate_policy", policy="zero_shot", seed=0)


def test_without_demonstrations_to_learn_from_it_is_shown_those_of_its_own_project(project):
    other, own = load_trained(project.parent / "models/prompted/seed_0").model.state_dict(), trained("shown").model
    assert torch.equal(own.state_dict()["head.mean.maps.0.weight"], other["head.mean.maps.0.weight"])
    assert not other["prompts.prompt_lengths"].any()
    sequences = open_store(Path("data/processed/sequences"), "train")
    first = torch.from_numpy(trained("shown").task.normalize_states(sequences.states[:4]))
    assert torch.equal(own.prompts.prompt_states[0, 0], first)
    assert own.prompts.prompt_lengths[0].tolist() == [4] * 5
    assert plays_of("evaluate_policy", policy="shown", seed=0) == {"": {}, "prompt_5": {"prompt": 5}}
    plain, shown = (read_recording(Path("data/evaluation/shown/seed_0") / way) for way in ("", "prompt_5"))
    assert plain.episodes["seed"].tolist() == shown.episodes["seed"].tolist()


def test_where_it_learns_it_ends_elsewhere_than_it_starts():
    before, after, scratch = (trained(name).model.state_dict() for name in ("zero_shot", "tuned", "scratch"))
    name = next(name for name, weights in before.items() if name.startswith("trunk.") and weights.ndim > 1)
    assert not torch.equal(before[name], after[name])
    assert (before[name] - after[name]).abs().max() < 0.05 < (before[name] - scratch[name]).abs().max()


def test_each_says_what_it_has_taken(capsys):
    call_stage("train_policy", policy="trunk", seed=0)
    told = capsys.readouterr().out
    assert (
        told.startswith("trunk starts with ")
        and "numbers from ../models/coarse/seed_0; taken: tokens.dropped_token, trunk" in told
    )
    assert "; new: head.mean, " in told
    card = (folder_of("tuned") / "README.md").read_text()
    assert "CartPole-v1 with {'max_episode_steps': 30} as its CartPole-v1 with {}" in card
    assert "| learned from | 2 sequences," in card
    assert "| learned from | nothing |" in (folder_of("zero_shot") / "README.md").read_text()
    assert "starts with" not in (folder_of("scratch") / "README.md").read_text()


def test_a_task_that_keeps_nothing_has_the_scales_of_the_demonstrations_that_it_learned_from():
    assert trained("trunk").task.scales == trained("scratch").task.scales
    assert trained("trunk").task.scales != trained("zero_shot").task.scales


def test_a_policy_of_weights_that_have_changed_since_is_refused(project):
    call_stage("evaluate_policy", policy="tuned", seed=0)
    weights = project.parent / "models/coarse/seed_0/model.safetensors"
    before = weights.read_bytes()
    try:
        write_generalist(weights.parent, 6)
        call_stage("select_columns")
        with refused(
            DataError, "models/tuned/seed_0: expected a policy that learned from the weights that it starts from"
        ):
            call_stage("evaluate_policy", policy="tuned", seed=0)
        call_stage("evaluate_policy", policy="scratch", seed=0)
    finally:
        weights.write_bytes(before)
        call_stage("select_columns")


def test_another_seed_needs_another_training():
    with refused(
        DataError, "policies.tuned.starts_from: expected a policy trained from seed 1 in ../models/coarse/seed_1"
    ):
        call_stage("train_policy", policy="tuned", seed=1)


def test_a_start_of_which_the_stage_code_has_not_told_is_refused(project):
    code = project / "data/code/select_columns.json"
    before = code.read_text()
    write_json(code, {"reads": read_json(code)["reads"]})
    try:
        with refused(DataError, "data/code/select_columns.json: expected of params.yaml {'zero_shot': ", "got {}"):
            call_stage("select_columns")
    finally:
        code.write_text(before)
