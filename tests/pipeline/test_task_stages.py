"""From demonstrations in two environments to one policy that plays both, stage by stage."""

import shutil
import sys
from functools import partial

import pytest
from ruamel.yaml import YAML

from tests.builders import PARAMETERS, call_stage, imported, plays_of, refused
from tests.imports import ROOT
from tests.killed import killed_after
from understudy.errors import DataError, ParameterError
from understudy.policies.files import load_trained
from understudy.rollouts.parquet import read_recording
from understudy.sequences.mixture import SequenceMixture, open_store
from understudy.utils.jsonfile import read_json, write_json

EXPERTS = """
def balance(observation):
    return int(observation[2] + 0.5 * observation[3] > 0)


def swing(observation):
    return [-2.0 * observation[1]]
"""
TASKS = {"cart_pole": ("CartPole-v1", "balance"), "pendulum": ("Pendulum-v1", "swing")}
MODEL = {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 32, "max_seq_len": 32, "context": 4}
STAGES = ("train_expert", "record_rollouts", "build_sequences", "evaluate_references")


def block(tokens: str) -> dict:
    model = MODEL | {"tokens": tokens, "num_bins": 16}
    return {"family": "generalist", "model": model, "play": {}, "best_returns": None, "training": {}}


TARGETS = {
    "target_return": {"quantile": 0.9},
    "variants": {"low": {"target_return": {"quantile": 0.1}}, "expert": {"target_return": "expert"}},
}
TOLD = block("coarse") | {"play": TARGETS}
TOLD["model"] = TOLD["model"] | {"return_conditioned": True, "return_bins": 8}
PROMPTED = block("fine") | {"play": {"variants": {"prompt_5": {"prompt": 5}}}}
PROMPTED["model"] = PROMPTED["model"] | {"prompt_steps": 8, "prompt_chance": 0.5, "task_token": "prompt"}
TRAINING = PARAMETERS["training"] | {"threads": 1, "steps": 6, "batch_size": 4, "chunk_length": 16, "evaluate_every": 3}
EVALUATION = PARAMETERS["evaluation"] | {"episodes": 3, "block_size": 3}
COMPUTE = {"device": "cpu", "workers": 1}
STUDY = {
    "tasks": {"cart_pole": {"weight": 3.0}, "pendulum": {"weight": 1.0}},
    "training": TRAINING,
    "policies": {"coarse": block("coarse"), "fine": block("fine"), "coarse_returns": TOLD, "prompted": PROMPTED},
    "evaluation": EVALUATION,
    "compute": COMPUTE,
}


def of_task(environment: str, function: str) -> dict:
    expert = PARAMETERS["expert"] | {"algorithm": "function", "function": {"name": f"two_experts:{function}"}}
    return PARAMETERS | {
        "environment": {"id": environment, "kwargs": {"max_episode_steps": 30}, "wrappers": []},
        "expert": expert,
        "rollouts": PARAMETERS["rollouts"] | {"episodes": 6, "block_size": 6},
        "training": TRAINING,
        "evaluation": EVALUATION,
        "compute": COMPUTE,
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of both tasks, with the stages before the joining done."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "two_experts.py").write_text(EXPERTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        for name, (environment, function) in TASKS.items():
            (folder / name).mkdir()
            YAML().dump(of_task(environment, function), folder / name / "params.yaml")
            patch.chdir(folder / name)
            for stage in STAGES:
                call_stage(stage)
        YAML().dump(STUDY, folder / "params.yaml")
        patch.chdir(folder)
        call_stage("join_tasks")
        reads = {name: ["action", "label", "observation", "task"] for name in STUDY["policies"]}
        write_json(folder / "data/code/select_columns.json", {"reads": reads})
        call_stage("select_columns")
        for name in STUDY["policies"]:
            call_stage("train_policy", policy=name, seed=0)
        yield folder


@pytest.fixture(autouse=True)
def inside(study, monkeypatch):
    monkeypatch.chdir(study)


def test_the_store_is_that_of_both_tasks_by_weight(study):
    mixture = open_store(study / "data/processed/sequences", "train")
    assert isinstance(mixture, SequenceMixture)
    assert (mixture.names, mixture.weights) == (("cart_pole", "pendulum"), (3.0, 1.0))


def test_joining_says_what_comes_of_the_weights(capsys):
    call_stage("join_tasks")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["cart_pole", "pendulum"]
    assert lines[0].endswith("0.75 of each batch") and "episodes, " in lines[0]


@pytest.mark.parametrize("policy", ["coarse", "fine"])
def test_one_policy_knows_both_tasks_and_how_right_it_was_in_each(study, policy):
    trained = load_trained(study / "models" / policy / "seed_0")
    assert [task.environment.environment_id for task in trained.interface.tasks] == ["CartPole-v1", "Pendulum-v1"]
    held_out = read_json(study / "models" / policy / "seed_0/held_out.json")
    assert held_out["tasks"].keys() == TASKS.keys()


@pytest.mark.parametrize("policy", ["coarse", "fine"])
def test_it_plays_every_task_on_the_experts_seeds_beside_the_expert(study, policy):
    for task in TASKS:
        call_stage("evaluate_task", policy=policy, seed=0, task=task)
        own, expert = (
            read_recording(study / place)
            for place in (f"data/evaluation/{task}/{policy}/seed_0", f"{task}/data/evaluation/expert")
        )
        assert own.spec == expert.spec
        assert own.episodes["seed"].tolist() == expert.episodes["seed"].tolist()
    shutil.copytree(study / "data/evaluation", study / "before", dirs_exist_ok=True)
    call_stage("evaluate_task", policy=policy, seed=0, task="pendulum")
    name = f"pendulum/{policy}/seed_0/steps.parquet"
    assert (study / "before" / name).read_bytes() == (study / "data/evaluation" / name).read_bytes()


def test_killed_between_blocks_and_by_several_processes_it_writes_the_same_bytes(study):
    play, written = partial(call_stage, "evaluate_task", policy="coarse", seed=0, task="pendulum"), []
    params = (study / "params.yaml").read_text()
    blocks = STUDY | {"evaluation": EVALUATION | {"block_size": 1}}
    try:
        for workers in (1, 2):
            YAML().dump(blocks | {"compute": COMPUTE | {"workers": workers}}, study / "params.yaml")
            if workers == 2:
                killed_after("rollouts.record._wait_for", 1, play)
                assert list((study / ".checkpoints").rglob("block_0"))
            play()
            written.append((study / "data/evaluation/pendulum/coarse/seed_0/steps.parquet").read_bytes())
    finally:
        (study / "params.yaml").write_text(params)
    assert written[0] == written[1]
    assert not list((study / ".checkpoints").rglob("block_*"))


def test_it_is_asked_for_returns_in_every_task_and_what_comes_of_it_is_drawn(study, capsys, monkeypatch):
    """The experts' own play stands in for that of specialists."""
    draw = imported(ROOT / "studies/generalist_returns/draw.py")
    before = {task: (study / task / "params.yaml").read_text() for task in TASKS}
    targets = {
        "": {"target_return": {"quantile": 0.9}},
        "low": {"target_return": {"quantile": 0.1}},
        "expert": {"target_return": "expert"},
    }
    for task, (environment, function) in TASKS.items():
        call_stage("evaluate_task", policy="coarse", seed=0, task=task)
        assert plays_of("evaluate_task", policy="coarse_returns", seed=0, task=task) == targets
        plain, low = (
            read_recording(study / "data/evaluation" / task / "coarse_returns/seed_0" / way) for way in ("", "low")
        )
        assert plain.episodes["seed"].tolist() == low.episodes["seed"].tolist()
        dt = {"family": "decision_transformer", "model": MODEL, "play": TARGETS, "best_returns": None, "training": {}}
        YAML().dump(
            of_task(environment, function)
            | {"policies": {"dt": dt}, "comparison": PARAMETERS["comparison"] | {"baseline": None, "differences": []}},
            study / task / "params.yaml",
        )
        for way in ("", "low", "expert"):
            shutil.copytree(
                study / task / "data/evaluation/expert",
                study / task / "data/evaluation/dt/seed_0" / way,
                dirs_exist_ok=True,
            )
    monkeypatch.setattr(draw, "BOOTSTRAP", draw.Bootstrap(resamples=20, confidence=0.95, seed=0))
    draw.main()
    rows = {tuple(line.split(" | ")[:2]) for line in capsys.readouterr().out.splitlines()}
    said = ("quantile 0.1", "quantile 0.9", "expert", "nothing")
    assert rows >= {(f"| {task}", each) for task in TASKS for each in said}
    assert (study / "results.png").stat().st_size > 1000
    for task, text in before.items():
        (study / task / "params.yaml").write_text(text)
    with refused(ParameterError, "--policy: expected one of", "got 'dt'"):
        draw.main()


def test_it_is_shown_demonstrations_of_every_task(study):
    model = load_trained(study / "models/prompted/seed_0").model
    assert model.prompts.prompt_lengths.tolist() == [[8] * 5] * 2
    assert not model.tokens.task_vectors.any()
    for task in TASKS:
        assert plays_of("evaluate_task", policy="prompted", seed=0, task=task) == {"": {}, "prompt_5": {"prompt": 5}}
        plain, shown = (
            read_recording(study / "data/evaluation" / task / "prompted/seed_0" / way) for way in ("", "prompt_5")
        )
        assert plain.episodes["seed"].tolist() == shown.episodes["seed"].tolist()
        assert plain.steps["action"].shape[0] > 0


def test_a_target_that_means_nothing_is_a_sentence(study):
    params = (study / "params.yaml").read_text()
    wrong = block("coarse") | {"play": {"target_return": "expert"}}
    YAML().dump(STUDY | {"policies": STUDY["policies"] | {"coarse": wrong}}, study / "params.yaml")
    try:
        with refused(
            ParameterError, "policies.coarse.play.target_return: expected null, since the model is not return_"
        ):
            call_stage("evaluate_task", policy="coarse", seed=0, task="pendulum")
    finally:
        (study / "params.yaml").write_text(params)


def test_a_task_that_is_none_is_refused():
    with refused(ParameterError, "--task: expected one of cart_pole, pendulum, got 'acrobot'"):
        call_stage("evaluate_task", policy="coarse", seed=0, task="acrobot")


def test_a_third_task_is_refused_by_a_policy_of_two(study):
    (study / "acrobot").mkdir(exist_ok=True)
    YAML().dump(of_task("Acrobot-v1", "balance"), study / "acrobot/params.yaml")
    params = (study / "params.yaml").read_text()
    YAML().dump(STUDY | {"tasks": STUDY["tasks"] | {"acrobot": {"weight": 1.0}}}, study / "params.yaml")
    try:
        with refused(DataError, "policy: environment: expected one of the 2 tasks CartPole-v1", "got Acrobot-v1"):
            call_stage("evaluate_task", policy="coarse", seed=0, task="acrobot")
    finally:
        (study / "params.yaml").write_text(params)


def test_what_both_score_is_drawn_beside_specialists(study, capsys, monkeypatch):
    """The experts' own play stands in for that of specialists."""
    draw = imported(ROOT / "studies/generalist/draw.py")
    for task in TASKS:
        for policy in STUDY["policies"]:
            call_stage("evaluate_task", policy=policy, seed=0, task=task)
        for name in PARAMETERS["policies"]:
            shutil.copytree(
                study / task / "data/evaluation/expert",
                study / task / "data/evaluation" / name / "seed_0",
                dirs_exist_ok=True,
            )
    monkeypatch.setattr(draw, "BOOTSTRAP", draw.Bootstrap(resamples=20, confidence=0.95, seed=0))
    monkeypatch.setattr(sys, "argv", ["draw.py", "--beside", "decoder"])
    draw.main()
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    specialists = [f"{name} alone" for name in PARAMETERS["policies"]]
    assert rows == ["policy", "---", *STUDY["policies"], *specialists]
    text = (study / "results.md").read_text()
    assert "| decoder alone | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |" in text
    assert "of the score of decoder alone over all tasks." in text
    assert (study / "results.png").stat().st_size > 1000
    params = (study / "params.yaml").read_text()
    YAML().dump(STUDY | {"evaluation": EVALUATION | {"first_seed": 1_000_001}}, study / "params.yaml")
    try:
        call_stage("evaluate_task", policy="coarse", seed=0, task="pendulum")
    finally:
        (study / "params.yaml").write_text(params)
    with refused(DataError, "pendulum/coarse/seed_0: expected the 3 episodes of the expert's seeds, got others"):
        draw.main()
